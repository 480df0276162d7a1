/**
 * `POST /v1/chat/completions`.
 *
 * @module
 */
import type { Context } from "hono";
import { Grammar } from "../grammar/grammar.ts";
import { respond } from "./answer.ts";
import { chatAnswer, chatChunk } from "./answer_schemas.ts";
import { chatFormat } from "./chat_format.ts";
import type { ServerContext } from "./context.ts";
import { endpoint } from "./endpoint.ts";
import { ApiError, refuse } from "./errors.ts";
import { checkModel, planChoices } from "./generation.ts";
import { templateMessage } from "./messages.ts";
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
  const { oneCall, grammar } = callLimits(body);
  const messages = body.messages.map(templateMessage);
  const prompt = refuse(() => runtime.chatTokens(messages, tools ? { tools } : {}), {
    param: "messages",
  });
  const maxTokens = body.max_completion_tokens ?? body.max_tokens;
  const choices = planChoices(server, body, [prompt], {
    ...(maxTokens ? { maxTokens } : {}),
    ...(topLogprobs ? { topLogprobs } : {}),
    ...(grammar ? { grammar } : {}),
  }, { oneCall });
  const wanted = { logprobs: body.logprobs ?? false, tools: tools !== undefined };
  const format = chatFormat(runtime, wanted);
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

type CallFields = Pick<
  ChatBody,
  "tools" | "tool_choice" | "parallel_tool_calls" | "response_format"
>;

/** The calls that an answer has to be, or else whether it stops after the first. */
export function callLimits(body: CallFields): { grammar?: Grammar; oneCall: boolean } {
  const grammar = forcedCalls(body);
  if (grammar) return { grammar, oneCall: false };
  const { tools, tool_choice, parallel_tool_calls } = body;
  const mayCall = tools?.length && tool_choice !== "none";
  return { oneCall: Boolean(mayCall) && parallel_tool_calls === false };
}

function forcedCalls(
  { tools, tool_choice, parallel_tool_calls, response_format }: CallFields,
): Grammar | undefined {
  if (!tool_choice || tool_choice === "none" || tool_choice === "auto") return undefined;
  const wrong = (message: string) => new ApiError(400, message, { param: "tool_choice" });
  if (!tools?.length) throw wrong(`"tool_choice" asks for a call: pass "tools" as well`);
  if (response_format && response_format.type !== "text") {
    throw wrong(`"tool_choice" asks for a call: leave "response_format" out`);
  }
  const functions = tools.map((tool) => tool.function);
  if (tool_choice === "required") {
    const most = parallel_tool_calls === false ? { most: 1 } : {};
    return refuse(() => Grammar.toolCalls(functions, most), { param: "tools" });
  }
  const { name } = tool_choice.function;
  const chosen = functions.find((tool) => tool.name === name);
  if (!chosen) throw wrong(`"tool_choice" names "${name}": name one of "tools"`);
  return refuse(() => Grammar.toolCalls([chosen], { most: 1 }), { param: "tools" });
}
