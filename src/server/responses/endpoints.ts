/**
 * `POST /v1/responses`, and what was kept of them.
 *
 * @module
 */
import type { Context } from "hono";
import type { ServerContext } from "../context.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { ApiError } from "../errors.ts";
import { endOf, streamEvents } from "../stream.ts";
import { expectKept } from "./conversation.ts";
import { eventsOf, makeInBackground, planOf } from "./making.ts";
import {
  deletedAnswer,
  type ResponseAnswer,
  responseAnswer,
  type ResponseBody,
  responseBody,
  responseEvent,
} from "./schemas.ts";

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
  summary: "A response that was stored, or is being made in the background",
  gives: responseAnswer,
  answer: async (c, server) => {
    const id = c.req.param("id")!;
    return c.json(server.responses.running(id)?.answer ?? (await stored(server, id)));
  },
});

const cancelResponse = endpoint({
  method: "post",
  path: "/v1/responses/{id}/cancel",
  summary: "End a response that is being made with what there is of it",
  gives: responseAnswer,
  answer: async (c, server) => {
    const id = c.req.param("id")!;
    const running = server.responses.running(id);
    if (running) return c.json(await running.cancel());
    const answer = await stored(server, id);
    // As in OpenAI's interface, where one in the background may be cancelled again.
    if (answer.background) return c.json(answer);
    const message = `The response "${id}" has ended: only one that is being made can be cancelled`;
    throw new ApiError(400, message, { param: "id", code: "response_ended" });
  },
});

const deleteResponse = endpoint({
  method: "delete",
  path: "/v1/responses/{id}",
  summary: "Forget a response; one that is being made is cancelled",
  gives: deletedAnswer,
  answer: async (c, server) => {
    const id = c.req.param("id")!;
    await server.responses.running(id)?.cancel();
    await stored(server, id);
    await server.responses.delete(id);
    return c.json({ id, object: "response", deleted: true });
  },
});

/** The routes, in the order in which they are described. */
export const RESPONSE_ENDPOINTS: readonly Endpoint[] = [
  createResponse,
  showResponse,
  cancelResponse,
  deleteResponse,
];

async function respond(c: Context, server: ServerContext, body: ResponseBody): Promise<Response> {
  const plan = await planOf(server, body);
  if (body.background) return c.json(makeInBackground(plan));
  if (body.stream) return await streamEvents(c, server, (signal) => eventsOf(plan, signal));
  const events = await Array.fromAsync(eventsOf(plan, endOf(c, server)));
  return c.json((events.at(-1) as { response: ResponseAnswer }).response);
}

async function stored(server: ServerContext, id: string): Promise<ResponseAnswer> {
  return (await expectKept(server, id, "id")).answer;
}
