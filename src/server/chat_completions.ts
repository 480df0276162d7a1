/**
 * `POST /v1/chat/completions`.
 *
 * @module
 */
import type { Context } from "hono";
import type { ChatMessage } from "../options.ts";
import type { Runtime } from "../runtime.ts";
import { type ChoiceFormat, respond } from "./answer.ts";
import { chatAnswer, chatChunk } from "./answer_schemas.ts";
import type { ServerContext } from "./context.ts";
import { endpoint } from "./endpoint.ts";
import { ApiError, refuse } from "./errors.ts";
import { checkModel, planChoices } from "./generation.ts";
import { chatLogprobs } from "./logprobs.ts";
import { type ChatBody, chatBody } from "./schemas.ts";

/** Answers a conversation. */
export const chatCompletions = endpoint({
  method: "post",
  path: "/v1/chat/completions",
  summary: "Answer a conversation",
  body: chatBody,
  gives: chatAnswer,
  events: chatChunk,
  answer: answerChat,
});

async function answerChat(c: Context, server: ServerContext, body: ChatBody): Promise<Response> {
  const { runtime } = server;
  checkModel(runtime, body.model);
  const topLogprobs = wantedLogprobs(body);
  const tools = body.tool_choice === "none" ? undefined : body.tools ?? undefined;
  const prompt = refuse(
    () => runtime.chatTokens(body.messages.map(templateMessage), tools ? { tools } : {}),
    { param: "messages" },
  );
  const maxTokens = body.max_completion_tokens ?? body.max_tokens;
  const choices = planChoices(runtime, body, [prompt], {
    ...(maxTokens ? { maxTokens } : {}),
    ...(topLogprobs ? { topLogprobs } : {}),
  });
  const format = chatFormat(runtime, body.logprobs ?? false);
  return await respond(c, { server, body, prompts: [prompt], choices, format });
}

function wantedLogprobs({ logprobs, top_logprobs }: ChatBody): number {
  if (top_logprobs && !logprobs) {
    throw new ApiError(400, `"top_logprobs" needs "logprobs": set it to true`, {
      param: "top_logprobs",
    });
  }
  return top_logprobs ?? 0;
}

/** A message in the form that chat templates know. */
export function templateMessage(message: ChatBody["messages"][number]): ChatMessage {
  const { role, content, name, tool_calls, tool_call_id } = message;
  const text = Array.isArray(content) ? content.map((part) => part.text).join("") : content;
  return {
    // Templates are older than this role, which took the place of "system".
    role: role === "developer" ? "system" : role,
    content: text ?? "",
    ...(name ? { name } : {}),
    ...(tool_calls ? { tool_calls } : {}),
    ...(tool_call_id ? { tool_call_id } : {}),
  };
}

function chatFormat(runtime: Runtime, withLogprobs: boolean): ChoiceFormat {
  return {
    prefix: "chatcmpl",
    object: "chat.completion",
    chunkObject: "chat.completion.chunk",
    whole: ({ index, text, tokens, finishReason }) => ({
      index,
      message: { role: "assistant", content: text, refusal: null },
      logprobs: withLogprobs ? chatLogprobs(runtime, tokens) : null,
      finish_reason: finishReason,
    }),
    opening: (index) => ({
      index,
      delta: { role: "assistant", content: "", refusal: null },
      logprobs: null,
      finish_reason: null,
    }),
    chunk: (token) => {
      if (token.token.text === "" && !withLogprobs) return undefined;
      return {
        index: token.choice,
        delta: { content: token.token.text },
        logprobs: withLogprobs ? chatLogprobs(runtime, [token]) : null,
        finish_reason: null,
      };
    },
    closing: (index, finishReason) => ({
      index,
      delta: {},
      logprobs: null,
      finish_reason: finishReason,
    }),
  };
}
