/**
 * What the routes of sessions take and give.
 *
 * @module
 */
import { z } from "zod";
import { LEAST_BUDGET } from "../../runtime_options.ts";
import { chatBody, completionBody } from "../schemas.ts";

const count = z.int().min(0);

const sessionId = z.string().regex(/^[A-Za-z0-9][\w.~:@-]{0,127}$/, {
  error: "pass 1 to 128 letters, digits and . _ ~ : @ -, of which the first is a letter or digit",
});

/** Body of `POST /v1/sessions`. */
export const createBody = z.strictObject({
  id: sessionId.nullish(),
  attention_budget: z.int().min(LEAST_BUDGET).nullish(),
});

/** Body of `POST /v1/sessions/{id}/append`: one of the three. */
export const appendBody = z.strictObject({
  text: z.string().min(1).nullish(),
  token_ids: z.array(count).min(1).nullish(),
  messages: chatBody.shape.messages.nullish(),
});

/** Body of `POST /v1/sessions/{id}/generate`. */
export const generateBody = completionBody.omit({
  model: true,
  prompt: true,
  n: true,
  stream_options: true,
  echo: true,
}).extend({ max_tokens: chatBody.shape.max_tokens });

/** Body of `POST /v1/sessions/{id}/logits`. */
export const logitsBody = z.strictObject({
  top: z.int().min(1).max(1000).nullish(),
  format: z.enum(["json", "f32"]).nullish(),
});

/** Body of `POST /v1/sessions/{id}/fork`. */
export const forkBody = z.strictObject({ id: sessionId.nullish() });

/** Body of `POST /v1/sessions/{id}/rewind`. */
export const rewindBody = z.strictObject({ position: count });

export { sessionId };
export type AppendBody = z.infer<typeof appendBody>;
export type GenerateBody = z.infer<typeof generateBody>;
export type LogitsBody = z.infer<typeof logitsBody>;

/** What every answer says of its session. */
const facts = {
  id: z.string(),
  object: z.literal("session"),
  position: count,
  bytes: count,
  exact: z.boolean(),
  inexact_from: count.optional(),
};

/** A session. */
export const sessionAnswer = z.strictObject(facts).meta({ id: "Session" });

/** Answer of `GET /v1/sessions`. */
export const sessionsAnswer = z.strictObject({
  object: z.literal("list"),
  data: z.array(z.strictObject({
    id: z.string(),
    object: z.literal("session"),
    state: z.enum(["open", "parked", "stored"]),
    bytes: count,
    stored_bytes: count,
    used_at: count,
  })),
});

/** Answer of `GET /v1/sessions/{id}/tokens`. */
export const tokensAnswer = z.strictObject({ ...facts, first: count, token_ids: z.array(count) });

/** Answer of `POST /v1/sessions/{id}/append`. */
export const appendAnswer = z.strictObject({
  ...facts,
  appended: count,
  cached_tokens: count,
  not_cached: z.string().optional(),
});

const logprobs = z.strictObject({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number()),
  top_logprobs: z.array(z.record(z.string(), z.number())),
  text_offset: z.array(count),
}).nullable();

const generated = { ...facts, text: z.string(), token_ids: z.array(count), logprobs };
const finishReason = z.enum(["stop", "length"]);

/** Answer of `POST /v1/sessions/{id}/generate`. */
export const generateAnswer = z.strictObject({ ...generated, finish_reason: finishReason });

/** An event of the same: one for each token, and a last one with the reason. */
export const generateEvent = z.strictObject({
  ...generated,
  finish_reason: finishReason.nullable(),
});

/** Answer of `POST /v1/sessions/{id}/logits`. */
export const logitsAnswer = z.strictObject({
  ...facts,
  logits: z.array(z.strictObject({
    id: count,
    token: z.string(),
    logit: z.number(),
    logprob: z.number(),
  })),
});

/** Answer of `DELETE /v1/sessions/{id}`. */
export const deletedAnswer = z.strictObject({
  id: z.string(),
  object: z.literal("session"),
  deleted: z.literal(true),
});
