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
import { checkModel, type ChoiceToken, planChoices } from "./generation.ts";
import { completionLogprobs, placed, type PlacedToken } from "./logprobs.ts";
import type { PromptToken } from "./prompt_scores.ts";
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
  if (body.max_tokens === 0 && !body.echo) {
    throw new ApiError(400, `"max_tokens" is 0: pass a number of at least 1, or set "echo"`, {
      param: "max_tokens",
    });
  }
  const echo = body.echo ? withLogprobs ? "scored" : "plain" : undefined;
  const own = {
    maxTokens: body.max_tokens ?? DEFAULT_MAX_TOKENS,
    ...(body.logprobs ? { topLogprobs: body.logprobs } : {}),
  };
  const choices = planChoices(server, body, prompts, own, { echo });
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

/** A prompt as the front of a choice's text, special tokens included. */
function placedPrompt(
  { tokenizer }: Runtime,
  prompt: readonly PromptToken[],
): { text: string; tokens: PlacedToken[] } {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let text = "";
  const tokens = prompt.map((token) => {
    const offset = text.length;
    const bytes = tokenizer?.has(token.id) ? tokenizer.bytes(token.id) : new Uint8Array();
    text += decoder.decode(bytes, { stream: true });
    return { ...token, offset };
  });
  return { text: text + decoder.decode(), tokens };
}

function completionFormat(runtime: Runtime, withLogprobs: boolean): ChoiceFormat {
  const choice = (index: number, text: string, tokens: readonly PlacedToken[]) => ({
    index,
    text,
    logprobs: withLogprobs ? completionLogprobs(runtime, tokens) : null,
    finish_reason: null,
  });
  /** Characters of each choice's prompt, where it is given back. */
  const before: number[] = [];
  const shifted = (token: ChoiceToken) => {
    const own = placed(token);
    return { ...own, offset: own.offset + (before[token.choice] ?? 0) };
  };
  return {
    prefix: "cmpl",
    object: "text_completion",
    chunkObject: "text_completion",
    whole: ({ index, prompt = [], text, tokens, finishReason }) => {
      const front = placedPrompt(runtime, prompt);
      before[index] = front.text.length;
      const all = [...front.tokens, ...tokens.map(shifted)];
      return { ...choice(index, front.text + text, all), finish_reason: finishReason };
    },
    prompt: ({ choice: index, prompt }) => {
      const front = placedPrompt(runtime, prompt);
      before[index] = front.text.length;
      return choice(index, front.text, front.tokens);
    },
    chunk: (token) => {
      if (token.token.text === "" && !withLogprobs) return undefined;
      return choice(token.choice, token.token.text, [shifted(token)]);
    },
    closing: (index, finishReason) => ({
      index,
      text: "",
      logprobs: null,
      finish_reason: finishReason,
    }),
  };
}
