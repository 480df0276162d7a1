/**
 * How a chat choice is written down.
 *
 * @module
 */
import type { FinishReason } from "../options.ts";
import type { Runtime } from "../runtime.ts";
import type { ChoiceFormat } from "./answer.ts";
import { chatLogprobs } from "./logprobs.ts";
import { ToolCallParser } from "./tool_calls.ts";

/** The form of an answer, with log-probabilities and calls of tools where they are wanted. */
export function chatFormat(
  runtime: Runtime,
  wanted: { logprobs: boolean; tools: boolean },
): ChoiceFormat {
  const streams = new Map<number, ChoiceStream>();
  const streamOf = (index: number) => streams.getOrInsertComputed(index, () => new ChoiceStream());
  const logprobsOf = (tokens: Parameters<typeof chatLogprobs>[1]) =>
    wanted.logprobs ? chatLogprobs(runtime, tokens) : null;
  return {
    prefix: "chatcmpl",
    object: "chat.completion",
    chunkObject: "chat.completion.chunk",
    whole: ({ index, text, tokens, finishReason }) => {
      const parser = new ToolCallParser();
      const { content, calls } = wanted.tools ? parser.push(text) : { content: text, calls: [] };
      const all = content + parser.flush();
      const message = { role: "assistant", content: calls.length > 0 && !all ? null : all };
      return {
        index,
        message: { ...message, refusal: null, ...(calls.length > 0 ? { tool_calls: calls } : {}) },
        logprobs: logprobsOf(tokens),
        finish_reason: reasonOf(finishReason, calls.length),
      };
    },
    opening: (index) => ({
      index,
      delta: { role: "assistant", content: "", refusal: null },
      logprobs: null,
      finish_reason: null,
    }),
    chunk: (token) => {
      const { choice: index, token: { text } } = token;
      const delta = wanted.tools ? streamOf(index).delta(text) : text ? { content: text } : {};
      if (Object.keys(delta).length === 0 && !wanted.logprobs) return undefined;
      return { index, delta, logprobs: logprobsOf([token]), finish_reason: null };
    },
    closing: (index, finishReason) => {
      const stream = streamOf(index);
      const rest = stream.rest();
      return {
        index,
        delta: rest ? { content: rest } : {},
        logprobs: null,
        finish_reason: reasonOf(finishReason, stream.calls),
      };
    },
  };
}

/** A streamed choice in which calls are looked for. */
class ChoiceStream {
  readonly #parser = new ToolCallParser();
  /** Calls so far. */
  calls = 0;

  /** What a piece of text adds. */
  delta(text: string): object {
    const { content, calls } = this.#parser.push(text);
    const numbered = calls.map((call) => ({ index: this.calls++, ...call }));
    return {
      ...(content ? { content } : {}),
      ...(numbered.length > 0 ? { tool_calls: numbered } : {}),
    };
  }

  /** What was held back as the beginning of a call. */
  rest(): string {
    return this.#parser.flush();
  }
}

function reasonOf(reason: FinishReason, calls: number): FinishReason | "tool_calls" {
  return reason === "stop" && calls > 0 ? "tool_calls" : reason;
}
