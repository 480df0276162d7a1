/**
 * What a response goes on from: the conversation before it, and what the request adds.
 *
 * @module
 */
import type { ChatMessage } from "../../options.ts";
import type { Runtime } from "../../runtime.ts";
import { StoreError } from "../../store/store.ts";
import type { ServerContext } from "../context.ts";
import { ApiError, refuse } from "../errors.ts";
import { templateMessage, tokensAfterAnswer } from "../messages.ts";
import type { ChatBody } from "../schemas.ts";
import type { KeptResponse } from "./kept.ts";
import type { ResponseBody, ResponseItem } from "./schemas.ts";

type Message = ChatBody["messages"][number];
type Tool = NonNullable<ChatBody["tools"]>[number];

/** A conversation up to where the answer begins. */
export interface Conversation {
  readonly preamble: string;
  readonly messages: readonly ChatMessage[];
  readonly tokens: readonly number[];
}

/**
 * The conversation that a request asks to go on. With the instructions and tools of the response
 * before, it goes on from that one's very tokens, so that its state may be reused.
 */
export function conversationOf(
  runtime: Runtime,
  body: ResponseBody,
  previous: KeptResponse | undefined,
): Conversation {
  const added = messagesOf(body.input).map(templateMessage);
  const tools = body.tool_choice === "none" ? undefined : chatTools(body);
  const preamble = JSON.stringify([body.instructions ?? null, tools ?? []]);
  const messages = [...previous?.messages ?? [], ...added];
  return refuse(() => {
    if (previous?.preamble === preamble) {
      const rest = tokensAfterAnswer(runtime, added, previous.tokens.at(-1));
      if (rest) return { preamble, messages, tokens: [...previous.tokens, ...rest] };
    }
    const instructions = body.instructions ? [{ role: "system", content: body.instructions }] : [];
    const all = [...instructions, ...messages];
    return { preamble, messages, tokens: runtime.chatTokens(all, tools ? { tools } : {}) };
  }, { param: "input" });
}

/** The tools in the form that chat templates know. */
export function chatTools({ tools }: ResponseBody): readonly Tool[] | undefined {
  if (!tools?.length) return undefined;
  return tools.map(({ type, ...tool }) => ({ type, function: tool }));
}

/** The items of an input as messages; calls that follow each other are those of one answer. */
function messagesOf(input: ResponseBody["input"]): Message[] {
  if (typeof input === "string") return [{ role: "user", content: input }];
  const messages: Message[] = [];
  for (const item of input) {
    const last = messages.at(-1);
    if (item.type === "function_call" && last?.role === "assistant") {
      last.tool_calls = [...last.tool_calls ?? [], callOf(item)];
    } else {
      messages.push(messageOf(item));
    }
  }
  return messages;
}

function messageOf(item: ResponseItem): Message {
  if (item.type === "function_call") {
    return { role: "assistant", content: "", tool_calls: [callOf(item)] };
  }
  if (item.type === "function_call_output") {
    return { role: "tool", content: item.output, tool_call_id: item.call_id };
  }
  const { role, content } = item;
  const text = typeof content === "string" ? content : content.map(({ text }) => text).join("");
  return { role, content: text };
}

function callOf(
  { call_id, name, arguments: given }: Extract<ResponseItem, { type: "function_call" }>,
): NonNullable<Message["tool_calls"]>[number] {
  return { id: call_id, type: "function", function: { name, arguments: given } };
}

/** The response that the request names. Throws an {@linkcode ApiError} when it is not there. */
export async function expectKept(
  { responses, log }: ServerContext,
  id: string,
  param: string,
): Promise<KeptResponse> {
  const kept = await responses.get(id).catch((error) => {
    if (!(error instanceof StoreError)) throw error;
    log(`The store failed: ${error.message}`);
    throw new ApiError(503, "The store of responses cannot be used: try again later", {
      code: "store_failed",
      headers: { "Retry-After": "5" },
    });
  });
  if (kept) return kept;
  throw new ApiError(
    404,
    `There is no response "${id}": it was deleted, or not stored, or is old`,
    {
      param,
      code: "response_not_found",
    },
  );
}
