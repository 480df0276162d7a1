/**
 * Messages of conversations, as they come over HTTP.
 *
 * @module
 */
import type { ChatMessage } from "../options.ts";
import { isRecord } from "../json_fields.ts";
import type { Runtime } from "../runtime.ts";
import { ApiError } from "./errors.ts";
import type { ChatBody } from "./schemas.ts";

type Message = ChatBody["messages"][number];

/** A message in the form that chat templates know. Throws an {@linkcode ApiError}. */
export function templateMessage(message: Message, index: number): ChatMessage {
  const { role, content, name, tool_calls, tool_call_id } = message;
  const text = Array.isArray(content) ? content.map((part) => part.text).join("") : content;
  const calls = tool_calls?.map((call, i) => {
    const path = `messages[${index}].tool_calls[${i}].function.arguments`;
    const { name, arguments: given } = call.function;
    return { ...call, function: { name, arguments: argumentsOf(given, path) } };
  });
  return {
    // Templates are older than this role, which took the place of "system".
    role: role === "developer" ? "system" : role,
    content: text ?? "",
    ...(name ? { name } : {}),
    ...(calls ? { tool_calls: calls } : {}),
    ...(tool_call_id ? { tool_call_id } : {}),
  };
}

/** The arguments of a call as a value, which templates write as JSON themselves. */
function argumentsOf(text: string, param: string): object {
  try {
    const value: unknown = JSON.parse(text || "{}");
    if (isRecord(value)) return value;
  } catch {
    // Said below.
  }
  throw new ApiError(400, `"${param}" is not the text of a JSON object: pass what the call had`, {
    param,
    code: "invalid_value",
  });
}

/**
 * What the chat template writes between an answer and the next one, where messages come between, as
 * token ids; `undefined` when it cannot go on after an answer. `last` is the answer's last token,
 * which may be the very one that the template puts at its end.
 */
export function tokensAfterAnswer(
  runtime: Runtime,
  messages: readonly ChatMessage[],
  last: number | undefined,
): number[] | undefined {
  const question = [{ role: "user", content: "" }];
  const before = runtime.chatTokens(question);
  const all = runtime.chatTokens([...question, { role: "assistant", content: "" }, ...messages]);
  if (before.some((id, i) => all[i] !== id)) return undefined;
  const rest = all.slice(before.length);
  return rest[0] === last ? rest.slice(1) : rest;
}
