/**
 * Makes responses: from a checked body to events, and to what is kept.
 *
 * @module
 */
import { callLimits } from "../chat_completions.ts";
import type { ServerContext } from "../context.ts";
import { ApiError, toApiError } from "../errors.ts";
import {
  checkModel,
  type ChoicePlan,
  type ChoiceToken,
  planChoices,
  runChoices,
} from "../generation.ts";
import { ToolCallParser } from "../tool_calls.ts";
import { unheldOnceAborted } from "../unheld.ts";
import { chatTools, type Conversation, conversationOf, expectKept } from "./conversation.ts";
import type { KeptResponse } from "./kept.ts";
import type { RunningResponse } from "./running.ts";
import type { ResponseAnswer, ResponseBody } from "./schemas.ts";
import { ResponseWriter, wholeEvent } from "./writer.ts";

/** What a response is made from. */
export interface ResponsePlan {
  readonly server: ServerContext;
  readonly body: ResponseBody;
  readonly conversation: Conversation;
  readonly choice: ChoicePlan;
  /** The response before there is anything of it. */
  readonly begun: ResponseAnswer;
}

/** Checks a body. Throws an {@linkcode ApiError} that names what is wrong. */
export async function planOf(server: ServerContext, body: ResponseBody): Promise<ResponsePlan> {
  const { runtime } = server;
  checkBackground(body);
  checkModel(runtime, body.model);
  const { previous_response_id: id, max_output_tokens: maxTokens, text, tool_choice } = body;
  const previous = id ? await expectKept(server, id, "previous_response_id") : undefined;
  const conversation = conversationOf(runtime, body, previous);
  const format = text?.format;
  const response_format = format?.type === "json_schema"
    ? { type: format.type, json_schema: { schema: format.schema } }
    : format;
  const choice = tool_choice && typeof tool_choice === "object"
    ? { type: tool_choice.type, function: { name: tool_choice.name } }
    : tool_choice;
  const tools = chatTools(body) as Parameters<typeof callLimits>[0]["tools"];
  const { parallel_tool_calls } = body;
  const calls = { tools, tool_choice: choice, parallel_tool_calls, response_format };
  const { grammar, oneCall } = callLimits(calls);
  const [planned] = planChoices(server, { ...body, response_format }, [conversation.tokens], {
    ...(maxTokens ? { maxTokens } : {}),
    ...(grammar ? { grammar } : {}),
  }, { oneCall });
  return { server, body, conversation, choice: planned!, begun: beginning(server, body, planned!) };
}

/**
 * Makes a response that nobody waits for, to be looked at until it has ended; gives its beginning.
 */
export function makeInBackground(plan: ResponsePlan): ResponseAnswer {
  const { server, begun, conversation } = plan;
  const work = async () => {
    using running = server.responses.begin(begun); // also while a failure is being kept
    try {
      const never = new AbortController().signal;
      for await (const _ of make(plan, running, server.shutdown ?? never));
    } catch (error) {
      if (server.shutdown?.aborted) return;
      const { message, status } = toApiError(error, `The response ${begun.id}`, server);
      const code = status === 429 ? "rate_limit_exceeded" : "server_error";
      const answer = { ...begun, status: "failed", error: { code, message } } as const;
      running.answer = answer;
      await keep(server, { ...conversation, answer });
    }
  };
  void work();
  return begun;
}

function checkBackground({ background, store, stream }: ResponseBody): void {
  if (!background || (!stream && store !== false)) return;
  const message = stream
    ? '"background" goes without "stream": look at the response with GET /v1/responses/{id}'
    : '"background" needs "store": leave it out, or set it to true';
  throw new ApiError(400, message, { param: "background" });
}

/**
 * The events of a response, of which the last has it whole; it is then kept. One that is cancelled
 * ends whether or not its events are read.
 */
export async function* eventsOf(
  plan: ResponsePlan,
  signal: AbortSignal,
): AsyncGenerator<object, void, void> {
  const running = plan.server.responses.begin(plan.begun);
  const made = async function* () {
    using _running = running;
    yield* make(plan, running, signal);
  };
  yield* unheldOnceAborted(made(), running.signal);
}

async function* make(
  plan: ResponsePlan,
  running: RunningResponse,
  signal: AbortSignal,
): AsyncGenerator<object, void, void> {
  const { server, body, conversation, choice } = plan;
  const begun = { ...plan.begun, status: "in_progress" } as const;
  const writer = new ResponseWriter();
  const parser = new ToolCallParser();
  const finds = body.tools?.length && body.tool_choice !== "none";
  const tokens: ChoiceToken[] = [];
  const ending = AbortSignal.any([signal, running.signal]);
  for await (const event of untilCancelled(runChoices(server, [choice], ending), running.signal)) {
    if ("prompt" in event) continue;
    if (tokens.length === 0) {
      running.answer = begun;
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
  const { finishReason } = tokens.at(-1)?.token ?? {};
  const isCut = finishReason === "length";
  const status = finishReason === undefined ? "cancelled" : isCut ? "incomplete" : "completed";
  const end = status === "completed" ? "completed" : "incomplete";
  yield* writer.endText(end);
  const answer: ResponseAnswer = {
    ...begun,
    status,
    incomplete_details: isCut ? { reason: "max_output_tokens" } : null,
    output: [...writer.output],
    usage: tokens.length > 0 ? usageOf(conversation, tokens) : null,
  };
  running.answer = answer;
  if (answer.store) {
    await keep(server, {
      answer,
      preamble: conversation.preamble,
      messages: [...conversation.messages, writer.message],
      tokens: [...conversation.tokens, ...tokens.map(({ token }) => token.id)],
    });
  }
  // There is no event of its own for one that was cancelled.
  yield writer.event(wholeEvent(`response.${end}`, answer));
}

/** What comes before the signal ends it. */
async function* untilCancelled<T>(
  events: AsyncIterable<T>,
  cancelled: AbortSignal,
): AsyncGenerator<T, void, void> {
  try {
    yield* events;
  } catch (error) {
    if (!cancelled.aborted) throw error;
  }
}

/** Keeps a response; where that fails, it is answered all the same. */
async function keep(server: ServerContext, response: KeptResponse): Promise<void> {
  try {
    await server.responses.add(response);
  } catch (error) {
    server.log(`Cannot store the response ${response.answer.id}: ${error}`);
  }
}

function beginning(
  { runtime }: ServerContext,
  body: ResponseBody,
  choice: ChoicePlan,
): ResponseAnswer {
  return {
    id: `resp_${crypto.randomUUID()}`,
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    status: body.background ? "queued" : "in_progress",
    background: body.background ?? false,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: runtime.name,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
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
