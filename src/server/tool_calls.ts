/**
 * Calls of tools in the text of an answer, as models of the Qwen family write them:
 * `<tool_call>\n{"name": …, "arguments": {…}}\n</tool_call>`.
 *
 * @module
 */
import { CALL_BEGIN, CALL_END } from "../chat.ts";
import { isRecord } from "../json_fields.ts";
import type { GeneratedToken } from "../options.ts";

/** A call, as OpenAI's interface has it. */
export interface ToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: {
    readonly name: string;
    /** The arguments as the text of a JSON object. */
    readonly arguments: string;
  };
}

/** What has become certain of an answer. */
export interface AnswerPart {
  readonly content: string;
  readonly calls: readonly ToolCall[];
}

/**
 * Finds the calls in a text that comes piece by piece, wherever the pieces begin and end. White
 * space next to a call is no part of the content. What is no call, because it was cut off or is not
 * well formed, is content as it stands.
 */
export class ToolCallParser {
  /** Text that is not certain yet: white space, and a call, or what may begin one. */
  #held = "";
  #inCall = false;
  /** Where the call in `held` begins, how far it was looked at, and if that is in a JSON string. */
  #begin = 0;
  #seen = 0;
  #inString = false;
  #afterCall = false;

  /** Takes the next piece. */
  push(text: string): AnswerPart {
    this.#held += text;
    const calls: ToolCall[] = [];
    let content = "";
    for (;;) {
      if (!this.#inCall) {
        content += this.#text();
        if (!this.#inCall) return { content, calls };
      }
      const end = this.#callEnd();
      if (end === undefined) return { content, calls };
      const inside = [this.#begin + CALL_BEGIN.length, end - CALL_END.length] as const;
      const call = readCall(this.#held.slice(...inside));
      if (call) calls.push(call);
      else content += this.#held.slice(0, end);
      this.#held = this.#held.slice(end);
      this.#inCall = false;
      this.#afterCall = call !== undefined;
    }
  }

  /** The rest, at the end of the text. */
  flush(): string {
    const rest = this.#afterCall ? this.#held.trimStart() : this.#held;
    this.#held = "";
    this.#inCall = false;
    return rest;
  }

  /** Takes the text before the next call out of what is held; is in that call if it has begun. */
  #text(): string {
    if (this.#afterCall) this.#held = this.#held.trimStart();
    const begin = this.#held.indexOf(CALL_BEGIN);
    this.#inCall = begin >= 0;
    const before = begin < 0
      ? this.#held.slice(0, this.#held.length - beginLength(this.#held))
      : this.#held.slice(0, begin);
    const certain = before.trimEnd();
    this.#held = this.#held.slice(certain.length);
    this.#begin = begin - certain.length;
    this.#seen = this.#begin + CALL_BEGIN.length;
    this.#inString = false;
    if (certain !== "") this.#afterCall = false;
    return certain;
  }

  /** Where the call ends: behind the first end mark that is in no JSON string. */
  #callEnd(): number | undefined {
    const held = this.#held;
    while (this.#seen < held.length) {
      const character = held[this.#seen]!;
      if (this.#inString && character === "\\") {
        if (this.#seen + 1 === held.length) return undefined;
        this.#seen++;
      } else if (character === '"') {
        this.#inString = !this.#inString;
      } else if (!this.#inString && character === "<") {
        if (held.startsWith(CALL_END, this.#seen)) return this.#seen + CALL_END.length;
        if (CALL_END.startsWith(held.slice(this.#seen))) return undefined;
      }
      this.#seen++;
    }
    return undefined;
  }
}

/** The tokens up to the end of the first call, with which the answer stops. */
export async function* untilCall(
  tokens: AsyncIterable<GeneratedToken>,
): AsyncGenerator<GeneratedToken, void, void> {
  const parser = new ToolCallParser();
  for await (const token of tokens) {
    const { text } = token;
    // One by one, as a stop text may have held a whole call back, and what follows it.
    const last = text.split("").findIndex((unit) => parser.push(unit).calls.length > 0);
    yield last < 0 ? token : { ...token, text: text.slice(0, last + 1), finishReason: "stop" };
    if (last >= 0) return;
  }
}

/** Length of the end of `text` that may begin a call. */
function beginLength(text: string): number {
  for (let length = Math.min(text.length, CALL_BEGIN.length - 1); length > 0; length--) {
    if (CALL_BEGIN.startsWith(text.slice(-length))) return length;
  }
  return 0;
}

function readCall(text: string): ToolCall | undefined {
  try {
    const call: unknown = JSON.parse(text);
    if (!isRecord(call) || typeof call.name !== "string") return undefined;
    const { name, arguments: given = {} } = call;
    if (!isRecord(given)) return undefined;
    const id = `call_${crypto.randomUUID()}`;
    return { id, type: "function", function: { name, arguments: JSON.stringify(given) } };
  } catch {
    return undefined;
  }
}
