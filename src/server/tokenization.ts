/**
 * `POST /tokenize`, `POST /detokenize` and `POST /apply-template`, as llama-server has them.
 *
 * @module
 */
import type { Runtime } from "../runtime.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { applyTemplateAnswer, detokenizeAnswer, tokenizeAnswer } from "./answer_schemas.ts";
import { endpoint } from "./endpoint.ts";
import { ApiError, refuse } from "./errors.ts";
import { templateMessage } from "./messages.ts";
import { applyTemplateBody, detokenizeBody, tokenizeBody } from "./schemas.ts";

/** Text to token ids. */
export const tokenize = endpoint({
  method: "post",
  path: "/tokenize",
  summary: "The token ids of a text",
  body: tokenizeBody,
  gives: tokenizeAnswer,
  answer: (c, { runtime }, body) => {
    const tokenizer = tokenizerOf(runtime);
    const tokens = tokenizer.encode(body.content, {
      special: body.parse_special ?? true,
      addSpecial: body.add_special ?? false,
    });
    if (!body.with_pieces) return c.json({ tokens });
    return c.json({ tokens: tokens.map((id) => ({ id, piece: piece(tokenizer.bytes(id)) })) });
  },
});

/** Token ids to text, special tokens included. */
export const detokenize = endpoint({
  method: "post",
  path: "/detokenize",
  summary: "The text of token ids",
  body: detokenizeBody,
  gives: detokenizeAnswer,
  answer: (c, { runtime }, { tokens }) => {
    const tokenizer = tokenizerOf(runtime);
    const content = refuse(() => tokenizer.decode(tokens, { special: true }), { param: "tokens" });
    return c.json({ content });
  },
});

/** A conversation as the text that the model goes on from. */
export const applyTemplate = endpoint({
  method: "post",
  path: "/apply-template",
  summary: "A conversation as the model's chat template writes it",
  body: applyTemplateBody,
  gives: applyTemplateAnswer,
  answer: (c, { runtime }, { messages, tools, add_generation_prompt }) => {
    const options = {
      addGenerationPrompt: add_generation_prompt ?? true,
      ...(tools ? { tools } : {}),
    };
    const list = messages.map(templateMessage);
    const prompt = refuse(() => runtime.chatText(list, options), { param: "messages" });
    return c.json({ prompt });
  },
});

function tokenizerOf({ name, tokenizer }: Runtime): Tokenizer {
  if (tokenizer) return tokenizer;
  throw new ApiError(400, `"${name}" has no tokenizer: it takes and gives token ids only`);
}

/** A token's text, or its bytes when they are not whole characters. */
function piece(bytes: Uint8Array): string | number[] {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return [...bytes];
  }
}
