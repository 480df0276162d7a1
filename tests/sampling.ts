/**
 * Sampling that changes no probability.
 *
 * @module
 */
export const PLAIN_SAMPLING = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: [],
  continues: false,
  topLogprobs: 0,
} as const;
