/**
 * Writes a response as it comes: the events of its stream, and what they add up to.
 *
 * @module
 */
import type { ChatMessage } from "../../options.ts";
import type { ToolCall } from "../tool_calls.ts";
import type { OutputItem, ResponseAnswer } from "./schemas.ts";

type MessageItem = Extract<OutputItem, { type: "message" }>;

/** An event but for its number. */
type Event = Readonly<Record<string, unknown>> & { readonly type: string };

/** Collects text and calls into items. */
export class ResponseWriter {
  readonly #output: OutputItem[] = [];
  /** The message that text is added to, until a call follows. */
  #open: MessageItem | undefined;
  #number = 0;

  /** An event with its number. */
  event(event: Event): object {
    return { ...event, sequence_number: this.#number++ };
  }

  get output(): readonly OutputItem[] {
    return this.#output;
  }

  /** What was written, as a message of the conversation. */
  get message(): ChatMessage {
    const text = this.#output.flatMap((item) => item.type === "message" ? textOf(item) : []);
    const calls = this.#output.filter((item) => item.type === "function_call");
    const tool_calls = calls.map(({ call_id: id, name, arguments: given }) => ({
      id,
      type: "function",
      function: { name, arguments: JSON.parse(given) },
    }));
    const content = text.join("");
    return { role: "assistant", content, ...(calls.length > 0 ? { tool_calls } : {}) };
  }

  /** Adds text. */
  *text(delta: string): Generator<object> {
    if (delta === "") return;
    if (!this.#open) {
      const item: MessageItem = {
        type: "message",
        id: `msg_${crypto.randomUUID()}`,
        status: "in_progress",
        role: "assistant",
        content: [],
      };
      this.#output.push(item);
      yield this.#itemEvent("response.output_item.added", item);
      item.content.push({ type: "output_text", text: "", annotations: [] });
      this.#open = item;
      yield this.#partEvent("response.content_part.added", { part: { ...item.content[0] } });
    }
    this.#open.content[0]!.text += delta;
    yield this.#partEvent("response.output_text.delta", { delta, logprobs: [] });
  }

  /** Adds a call, which comes whole. */
  *call({ id, function: { name, arguments: given } }: ToolCall): Generator<object> {
    yield* this.endText("completed");
    const whole = {
      type: "function_call",
      id: `fc_${crypto.randomUUID()}`,
      status: "completed",
      call_id: id,
      name,
      arguments: given,
    } as const;
    this.#output.push(whole);
    const begun = { ...whole, status: "in_progress", arguments: "" } as const;
    const place = { item_id: whole.id, output_index: this.#output.length - 1 };
    const type = "response.function_call_arguments";
    yield this.#itemEvent("response.output_item.added", begun);
    yield this.event({ type: `${type}.delta`, ...place, delta: given });
    yield this.event({ type: `${type}.done`, ...place, name, arguments: given });
    yield this.#itemEvent("response.output_item.done", whole);
  }

  /** Ends the message that is open. */
  *endText(status: "completed" | "incomplete"): Generator<object> {
    const item = this.#open;
    if (!item) return;
    const [part] = item.content;
    item.status = status;
    yield this.#partEvent("response.output_text.done", { text: part!.text, logprobs: [] });
    yield this.#partEvent("response.content_part.done", { part });
    yield this.#itemEvent("response.output_item.done", item);
    this.#open = undefined;
  }

  #itemEvent(type: string, item: OutputItem): object {
    // The item still changes; the event does not.
    const output_index = this.#output.length - 1;
    return this.event({ type, output_index, item: structuredClone(item) });
  }

  #partEvent(type: string, fields: object): object {
    const place = { item_id: this.#open!.id, output_index: this.#output.length - 1 };
    return this.event({ type, ...place, content_index: 0, ...fields });
  }
}

/** The event that tells of the whole response. */
export function wholeEvent(type: string, response: ResponseAnswer): Event {
  return { type, response };
}

function textOf({ content }: MessageItem): string[] {
  return content.map(({ text }) => text);
}
