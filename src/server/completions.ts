/**
 * `POST /v1/completions`.
 *
 * @module
 */
import type { Context } from "hono";
import type { Runtime } from "../runtime.ts";
import { type ChoiceFormat, respond } from "./answer.ts";
import { completionAnswer, completionChunk } from "./answer_schemas.ts";
import type { ServerContext } from "./context.ts";
import { endpoint } from "./endpoint.ts";
import { ApiError } from "./errors.ts";
import { checkModel, planChoices } from "./generation.ts";
import { completionLogprobs } from "./logprobs.ts";
import { type CompletionBody, completionBody } from "./schemas.ts";

/** Tokens of a completion that asks for no number, as in OpenAI's interface. */
const DEFAULT_MAX_TOKENS = 16;

/** Continues one or several prompts. */
export const completions = endpoint({
  method: "post",
  path: "/v1/completions",
  summary: "Continue texts",
  body: completionBody,
  gives: completionAnswer,
  events: completionChunk,
  answer: complete,
});

async function complete(
  c: Context,
  server: ServerContext,
  body: CompletionBody,
): Promise<Response> {
  const { runtime } = server;
  checkModel(runtime, body.model);
  const prompts = promptTokens(runtime, body.prompt);
  const withLogprobs = typeof body.logprobs === "number";
  const choices = planChoices(runtime, body, prompts, {
    maxTokens: body.max_tokens ?? DEFAULT_MAX_TOKENS,
    ...(body.logprobs ? { topLogprobs: body.logprobs } : {}),
  });
  const format = completionFormat(runtime, withLogprobs);
  return await respond(c, { server, body, prompts, choices, format });
}

/** The prompts of a request as token ids. */
function promptTokens(runtime: Runtime, prompt: CompletionBody["prompt"]): number[][] {
  if (typeof prompt === "string") return [encode(runtime, prompt)];
  if (isTokens(prompt)) return [prompt];
  return prompt.map((one) => typeof one === "string" ? encode(runtime, one) : one);
}

function isTokens(prompt: number[] | (string | number[])[]): prompt is number[] {
  return typeof prompt[0] === "number";
}

function encode(runtime: Runtime, text: string): number[] {
  if (runtime.tokenizer) return [...runtime.tokenizer.encode(text)];
  throw new ApiError(400, `"${runtime.name}" has no tokenizer: pass the prompt as token ids`, {
    param: "prompt",
  });
}

function completionFormat(runtime: Runtime, withLogprobs: boolean): ChoiceFormat {
  return {
    prefix: "cmpl",
    object: "text_completion",
    chunkObject: "text_completion",
    whole: ({ index, text, tokens, finishReason }) => ({
      index,
      text,
      logprobs: withLogprobs ? completionLogprobs(runtime, tokens) : null,
      finish_reason: finishReason,
    }),
    chunk: (token) => {
      if (token.token.text === "" && !withLogprobs) return undefined;
      return {
        index: token.choice,
        text: token.token.text,
        logprobs: withLogprobs ? completionLogprobs(runtime, [token]) : null,
        finish_reason: null,
      };
    },
    closing: (index, finishReason) => ({
      index,
      text: "",
      logprobs: null,
      finish_reason: finishReason,
    }),
  };
}
