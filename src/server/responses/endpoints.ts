/**
 * `POST /v1/responses`, and what was kept of them.
 *
 * @module
 */
import type { Context } from "hono";
import { forcedCalls } from "../chat_completions.ts";
import type { ServerContext } from "../context.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import {
  checkModel,
  type ChoicePlan,
  type ChoiceToken,
  planChoices,
  runChoices,
} from "../generation.ts";
import { endOf, streamEvents } from "../stream.ts";
import { ToolCallParser } from "../tool_calls.ts";
import { chatTools, type Conversation, conversationOf, expectKept } from "./conversation.ts";
import {
  deletedAnswer,
  type ResponseAnswer,
  responseAnswer,
  type ResponseBody,
  responseBody,
  responseEvent,
} from "./schemas.ts";
import { ResponseWriter, wholeEvent } from "./writer.ts";

const createResponse = endpoint({
  method: "post",
  path: "/v1/responses",
  summary: "Answer a conversation, or go on with one that was answered",
  body: responseBody,
  gives: responseAnswer,
  events: responseEvent,
  answer: respond,
});

const showResponse = endpoint({
  method: "get",
  path: "/v1/responses/{id}",
  summary: "A response that was stored",
  gives: responseAnswer,
  answer: (c, { responses }) => {
    const id = c.req.param("id")!;
    return c.json(expectKept(responses.get(id), id, "id").answer);
  },
});

const deleteResponse = endpoint({
  method: "delete",
  path: "/v1/responses/{id}",
  summary: "Forget a response",
  gives: deletedAnswer,
  answer: (c, { responses }) => {
    const id = c.req.param("id")!;
    expectKept(responses.get(id), id, "id");
    responses.delete(id);
    return c.json({ id, object: "response", deleted: true });
  },
});

/** The routes, in the order in which they are described. */
export const RESPONSE_ENDPOINTS: readonly Endpoint[] = [
  createResponse,
  showResponse,
  deleteResponse,
];

/** What a response is made from. */
interface Plan {
  readonly server: ServerContext;
  readonly body: ResponseBody;
  readonly conversation: Conversation;
  readonly choice: ChoicePlan;
}

async function respond(c: Context, server: ServerContext, body: ResponseBody): Promise<Response> {
  const plan = planOf(server, body);
  if (body.stream) return await streamEvents(c, server, (signal) => eventsOf(plan, signal));
  const events = await Array.fromAsync(eventsOf(plan, endOf(c, server)));
  return c.json((events.at(-1) as { response: ResponseAnswer }).response);
}

function planOf(server: ServerContext, body: ResponseBody): Plan {
  const { runtime, responses } = server;
  checkModel(runtime, body.model);
  const { previous_response_id: id, max_output_tokens: maxTokens, text, tool_choice } = body;
  const previous = id ? expectKept(responses.get(id), id, "previous_response_id") : undefined;
  const conversation = conversationOf(runtime, body, previous);
  const format = text?.format;
  const response_format = format?.type === "json_schema"
    ? { type: format.type, json_schema: { schema: format.schema } }
    : format;
  const choice = tool_choice && typeof tool_choice === "object"
    ? { type: tool_choice.type, function: { name: tool_choice.name } }
    : tool_choice;
  const tools = chatTools(body) as Parameters<typeof forcedCalls>[0]["tools"];
  const grammar = forcedCalls({ tools, tool_choice: choice, response_format });
  const [planned] = planChoices(server, { ...body, response_format }, [conversation.tokens], {
    ...(maxTokens ? { maxTokens } : {}),
    ...(grammar ? { grammar } : {}),
  });
  return { server, body, conversation, choice: planned! };
}

/** The events of a response, of which the last has it whole; it is then kept. */
async function* eventsOf(plan: Plan, signal: AbortSignal): AsyncGenerator<object, void, void> {
  const { server, body, conversation, choice } = plan;
  const begun = beginning(plan);
  const writer = new ResponseWriter();
  const parser = new ToolCallParser();
  const finds = body.tools?.length && body.tool_choice !== "none";
  const tokens: ChoiceToken[] = [];
  for await (const event of runChoices(server, [choice], signal)) {
    if ("prompt" in event) continue;
    if (tokens.length === 0) {
      yield writer.event(wholeEvent("response.created", begun));
      yield writer.event(wholeEvent("response.in_progress", begun));
    }
    tokens.push(event);
    const { text } = event.token;
    const { content, calls } = finds ? parser.push(text) : { content: text, calls: [] };
    yield* writer.text(content);
    for (const call of calls) yield* writer.call(call);
  }
  yield* writer.text(parser.flush());
  const isCut = tokens.at(-1)?.token.finishReason === "length";
  const status = isCut ? "incomplete" : "completed";
  yield* writer.endText(status);
  const answer: ResponseAnswer = {
    ...begun,
    status,
    incomplete_details: isCut ? { reason: "max_output_tokens" } : null,
    output: [...writer.output],
    usage: usageOf(conversation, tokens),
  };
  if (answer.store) {
    server.responses.add({
      id: answer.id,
      answer,
      preamble: conversation.preamble,
      messages: [...conversation.messages, writer.message],
      tokens: [...conversation.tokens, ...tokens.map(({ token }) => token.id)],
    });
  }
  yield writer.event(wholeEvent(`response.${status}`, answer));
}

/** The response before there is anything of it. */
function beginning({ server, body, choice }: Plan): ResponseAnswer {
  const { runtime } = server;
  return {
    id: `resp_${crypto.randomUUID()}`,
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    status: "in_progress",
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: runtime.name,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: body.previous_response_id ?? null,
    store: body.store ?? true,
    temperature: choice.options.temperature ?? runtime.generation?.sampling.temperature ?? null,
    text: { format: body.text?.format ?? { type: "text" } },
    tool_choice: body.tool_choice ?? "auto",
    tools: body.tools ?? [],
    top_p: choice.options.topP ?? runtime.generation?.sampling.topP ?? null,
    usage: null,
  };
}

function usageOf({ tokens: prompt }: Conversation, tokens: readonly ChoiceToken[]) {
  const { reuse, inexactFrom } = tokens.at(-1)!;
  return {
    input_tokens: prompt.length,
    input_tokens_details: {
      cached_tokens: reuse.tokens,
      ...(reuse.why ? { not_cached: reuse.why } : {}),
    },
    output_tokens: tokens.length,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: prompt.length + tokens.length,
    exact: inexactFrom === undefined,
    ...(inexactFrom === undefined ? {} : { inexact_from: inexactFrom }),
  };
}
