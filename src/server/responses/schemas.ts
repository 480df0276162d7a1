/**
 * What the routes of responses take and give.
 *
 * @module
 */
import { z } from "zod";
import { count, functionName, generation, jsonSchema, textFormats } from "../schemas.ts";

const text = z.string();
/** What answers carry, and clients send back. */
const echoed = { id: text.nullish(), status: text.nullish() };

const part = z.strictObject({
  type: z.enum(["input_text", "output_text"]),
  text,
  annotations: z.array(z.unknown()).nullish(),
  logprobs: z.array(z.unknown()).nullish(),
});

const message = z.strictObject({
  type: z.literal("message").nullish(),
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: z.union([text, z.array(part)], {
    error: 'pass a text or a list of parts of type "input_text" or "output_text"',
  }),
  ...echoed,
});

const functionCall = z.strictObject({
  type: z.literal("function_call"),
  call_id: text,
  name: functionName,
  arguments: text,
  ...echoed,
});

const functionOutput = z.strictObject({
  type: z.literal("function_call_output"),
  call_id: text,
  output: text,
  ...echoed,
});

const item = z.union([message, functionCall, functionOutput], {
  error: "pass a message, a function_call or a function_call_output",
});

const format = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    name: text.nullish(),
    description: text.nullish(),
    schema: jsonSchema,
    strict: z.boolean().nullish(),
  }),
  ...textFormats,
], { error: 'pass one of "text", "json_object", "json_schema", "regex", "grammar"' });

const tool = z.strictObject({
  type: z.literal("function"),
  name: functionName,
  description: text.nullish(),
  parameters: jsonSchema.nullish(),
  strict: z.boolean().nullish(),
});

const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.strictObject({ type: z.literal("function"), name: functionName }),
], { error: 'pass "none", "auto", "required", or { type: "function", name }' });

const { shape: sampling } = z.strictObject(generation).omit({
  max_tokens: true,
  n: true,
  stream_options: true,
  response_format: true,
});

/** Body of `POST /v1/responses`. */
export const responseBody = z.strictObject({
  ...sampling,
  input: z.union([text, z.array(item).min(1)], { error: "pass a text or a list of items" }),
  instructions: text.nullish(),
  max_output_tokens: count.nullish(),
  previous_response_id: text.nullish(),
  store: z.boolean().nullish(),
  background: z.boolean().nullish(),
  text: z.strictObject({ format: format.nullish() }).nullish(),
  tools: z.array(tool).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  metadata: z.record(text, text).nullish(),
});

export type ResponseBody = z.infer<typeof responseBody>;
export type ResponseItem = z.infer<typeof item>;

const number = z.int().min(0);

const outputItem = z.union([
  z.strictObject({
    type: z.literal("message"),
    id: text,
    status: z.enum(["in_progress", "completed", "incomplete"]),
    role: z.literal("assistant"),
    content: z.array(z.strictObject({
      type: z.literal("output_text"),
      text,
      annotations: z.array(z.unknown()),
    })),
  }),
  z.strictObject({
    type: z.literal("function_call"),
    id: text,
    status: z.enum(["in_progress", "completed"]),
    call_id: text,
    name: text,
    arguments: text,
  }),
]);

/** Answer of `POST /v1/responses` and `GET /v1/responses/{id}`. */
export const responseAnswer = z.strictObject({
  id: text,
  object: z.literal("response"),
  created_at: number,
  status: z.enum(["queued", "in_progress", "completed", "incomplete", "cancelled", "failed"]),
  background: z.boolean(),
  error: z.strictObject({ code: text, message: text }).nullable(),
  incomplete_details: z.strictObject({ reason: z.literal("max_output_tokens") }).nullable(),
  instructions: text.nullable(),
  max_output_tokens: number.nullable(),
  metadata: z.record(text, text),
  model: text,
  output: z.array(outputItem),
  parallel_tool_calls: z.boolean(),
  previous_response_id: text.nullable(),
  store: z.boolean(),
  temperature: z.number().nullable(),
  text: z.strictObject({ format }),
  tool_choice: toolChoice,
  tools: z.array(tool),
  top_p: z.number().nullable(),
  usage: z.strictObject({
    input_tokens: number,
    input_tokens_details: z.strictObject({
      cached_tokens: number,
      not_cached: text.optional(),
    }),
    output_tokens: number,
    output_tokens_details: z.strictObject({ reasoning_tokens: number }),
    total_tokens: number,
    exact: z.boolean(),
    inexact_from: number.optional(),
  }).nullable(),
}).meta({ id: "Response" });

export type ResponseAnswer = z.infer<typeof responseAnswer>;
export type OutputItem = z.infer<typeof outputItem>;

/** An event of `POST /v1/responses`; which other fields it has depends on its type. */
export const responseEvent = z.looseObject({ type: text, sequence_number: number });

/** Answer of `DELETE /v1/responses/{id}`. */
export const deletedAnswer = z.strictObject({
  id: text,
  object: z.literal("response"),
  deleted: z.literal(true),
});
