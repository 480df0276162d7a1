/**
 * The answers that the routes give, for their description.
 *
 * @module
 */
import { z } from "zod";

const count = z.int().min(0);
const finishReason = z.enum(["stop", "length"]);

/** Every failure. */
export const errorAnswer = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.enum(["invalid_request_error", "rate_limit_error", "server_error"]),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
}).meta({ id: "Error" });

/** Answer of `GET /health`. */
export const healthAnswer = z.strictObject({ status: z.literal("ok") });

/** Answer of `GET /ready`. */
export const readyAnswer = z.strictObject({ status: z.literal("ready") });

/** One model. */
export const modelAnswer = z.strictObject({
  id: z.string(),
  object: z.literal("model"),
  created: count,
  owned_by: z.string(),
  meta: z.strictObject({
    trained_length: count,
    attention_budget: count,
    session_bytes: count,
    full_attention_token_bytes: count,
  }),
}).meta({ id: "Model" });

/** Answer of `GET /v1/models`. */
export const modelsAnswer = z.strictObject({
  object: z.literal("list"),
  data: z.array(modelAnswer),
});

const usage = z.strictObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.strictObject({
    cached_tokens: count,
    not_cached: z.string().optional(),
  }),
  exact: z.boolean(),
  inexact_from: count.optional(),
}).meta({ id: "Usage" });

/** Of a chunk: null before the last, and absent when it is not asked for. */
const chunkUsage = z.union([usage, z.null()]).optional();

const chatLogprob = { token: z.string(), logprob: z.number(), bytes: z.array(count) };

const chatLogprobs = z.strictObject({
  content: z.array(
    z.strictObject({ ...chatLogprob, top_logprobs: z.array(z.strictObject(chatLogprob)) }),
  ),
  refusal: z.null(),
}).nullable();

const completionLogprobs = z.strictObject({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
  text_offset: z.array(count),
}).nullable();

const toolCall = {
  id: z.string(),
  type: z.literal("function"),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
};

const chatFinishReason = z.enum(["stop", "length", "tool_calls"]);

/** What all answers to a generation begin with. */
const envelope = { id: z.string(), created: count, model: z.string() };

/** Answer of `POST /v1/chat/completions`. */
export const chatAnswer = z.strictObject({
  ...envelope,
  object: z.literal("chat.completion"),
  choices: z.array(z.strictObject({
    index: count,
    message: z.strictObject({
      role: z.literal("assistant"),
      content: z.string().nullable(),
      refusal: z.null(),
      tool_calls: z.array(z.strictObject(toolCall)).optional(),
    }),
    logprobs: chatLogprobs,
    finish_reason: chatFinishReason,
  })),
  usage,
});

/** An event of `POST /v1/chat/completions`. */
export const chatChunk = z.strictObject({
  ...envelope,
  object: z.literal("chat.completion.chunk"),
  choices: z.array(z.strictObject({
    index: count,
    delta: z.strictObject({
      role: z.literal("assistant").optional(),
      content: z.string().optional(),
      refusal: z.null().optional(),
      tool_calls: z.array(z.strictObject({ index: count, ...toolCall })).optional(),
    }),
    logprobs: chatLogprobs,
    finish_reason: chatFinishReason.nullable(),
  })),
  usage: chunkUsage,
});

const completion = {
  ...envelope,
  object: z.literal("text_completion"),
};

const completionChoice = { index: count, text: z.string(), logprobs: completionLogprobs };

/** Answer of `POST /v1/completions`. */
export const completionAnswer = z.strictObject({
  ...completion,
  choices: z.array(z.strictObject({ ...completionChoice, finish_reason: finishReason })),
  usage,
});

/** An event of `POST /v1/completions`. */
export const completionChunk = z.strictObject({
  ...completion,
  choices: z.array(z.strictObject({ ...completionChoice, finish_reason: finishReason.nullable() })),
  usage: chunkUsage,
});

/** Answer of `POST /tokenize`: ids, or ids with their text, or bytes that are no whole text. */
export const tokenizeAnswer = z.strictObject({
  tokens: z.union([
    z.array(count),
    z.array(z.strictObject({ id: count, piece: z.union([z.string(), z.array(count)]) })),
  ]),
});

/** Answer of `POST /detokenize`. */
export const detokenizeAnswer = z.strictObject({ content: z.string() });

/** Answer of `POST /apply-template`. */
export const applyTemplateAnswer = z.strictObject({ prompt: z.string() });
