/**
 * The bodies that the routes accept. Every parameter is named here; others are refused.
 *
 * @module
 */
import { z } from "zod";

/** Most choices of one request, over all of its prompts. */
export const MAX_CHOICES = 128;

const MOST_TOKENS = 2 ** 31 - 1;
export const count = z.int().min(1).max(MOST_TOKENS);
const tokenIds = z.array(z.int().min(0)).min(1);

const stopText = z.string().min(1).refine((text) => text.isWellFormed(), {
  error: "pass whole characters, not half of a surrogate pair",
});

const stop = z.union([stopText, z.array(stopText).max(16)], {
  error: "pass a text or a list of at most 16 texts of at least one character",
});

export const jsonSchema = z.record(z.string(), z.unknown());

/** What else than JSON a text can be held to. */
export const textFormats = [
  // The text as a whole matches.
  z.strictObject({ type: z.literal("regex"), regex: z.string() }),
  // Rules in EBNF, of which `root` is the text.
  z.strictObject({ type: z.literal("grammar"), grammar: z.string() }),
] as const;

const responseFormat = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject({
      name: z.string().nullish(),
      description: z.string().nullish(),
      schema: jsonSchema,
      // A schema is always kept.
      strict: z.boolean().nullish(),
    }),
  }),
  ...textFormats,
], { error: 'pass one of "text", "json_object", "json_schema", "regex", "grammar"' });

/** What both routes have in common. `null` is as good as absent. */
export const generation = {
  model: z.string().max(1000).nullish(),
  max_tokens: count.nullish(),
  n: z.int().min(1).max(MAX_CHOICES).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  repetition_penalty: z.number().min(0.01).max(100).nullish(),
  logit_bias: z.record(
    z.string().regex(/^\d{1,9}$/, { error: "pass token ids as names" }),
    z.number().min(-100).max(100),
  ).nullish(),
  seed: z.int().min(0).nullish(),
  stop: stop.nullish(),
  ignore_eos: z.boolean().nullish(),
  response_format: responseFormat.nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_usage: z.boolean().nullish() }).nullish(),
  user: z.string().nullish(),
};

const textPart = z.strictObject({
  type: z.literal("text", { error: 'only parts of type "text" are supported' }),
  text: z.string(),
});

const content = z.union([z.string(), z.array(textPart)], {
  error: 'pass a text or a list of parts of type "text"',
});

export const functionName = z.string().regex(/^[\w-]{1,64}$/, {
  error: "pass 1 to 64 letters, digits, _ and -",
});

const toolCall = z.strictObject({
  id: z.string(),
  type: z.literal("function"),
  function: z.strictObject({ name: functionName, arguments: z.string() }),
});

const message = z.strictObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: content.nullish(),
  name: z.string().nullish(),
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().nullish(),
  refusal: z.null().optional(),
});

const tools = z.array(z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({
    name: functionName,
    description: z.string().nullish(),
    parameters: jsonSchema.nullish(),
    strict: z.boolean().nullish(),
  }),
}));

const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.strictObject({
    type: z.literal("function"),
    function: z.strictObject({ name: functionName }),
  }),
], { error: 'pass "none", "auto", "required", or { type: "function", function: { name } }' });

/** Body of `POST /v1/chat/completions`. */
export const chatBody = z.strictObject({
  ...generation,
  messages: z.array(message).min(1),
  max_completion_tokens: count.nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  tools: tools.nullish(),
  tool_choice: toolChoice.nullish(),
  // Whether an answer may have several calls.
  parallel_tool_calls: z.boolean().nullish(),
});

/** Body of `POST /v1/completions`. */
export const completionBody = z.strictObject({
  ...generation,
  prompt: z.union([z.string(), tokenIds, z.array(z.string()).min(1), z.array(tokenIds).min(1)], {
    error: "pass a text, a list of texts, a list of token ids, or a list of such lists",
  }),
  max_tokens: z.int().min(0).max(MOST_TOKENS).nullish(),
  logprobs: z.int().min(0).max(20).nullish(),
  echo: z.boolean().nullish(),
});

/** Body of `POST /tokenize`. */
export const tokenizeBody = z.strictObject({
  content: z.string(),
  add_special: z.boolean().nullish(),
  parse_special: z.boolean().nullish(),
  with_pieces: z.boolean().nullish(),
});

/** Body of `POST /detokenize`. */
export const detokenizeBody = z.strictObject({ tokens: z.array(z.int().min(0)) });

/** Body of `POST /apply-template`. */
export const applyTemplateBody = z.strictObject({
  messages: z.array(message).min(1),
  tools: tools.nullish(),
  add_generation_prompt: z.boolean().nullish(),
});

export type ChatBody = z.infer<typeof chatBody>;
export type CompletionBody = z.infer<typeof completionBody>;
/** The parameters that both bodies have. */
export type GenerationBody = Omit<CompletionBody, "prompt" | "logprobs">;
