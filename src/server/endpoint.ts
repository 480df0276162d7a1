/**
 * A route that says what it takes and gives: the schema that checks a body is the one that
 * `GET /openapi.json` shows.
 *
 * @module
 */
import { createRoute, type RouteConfig } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import { errorAnswer } from "./answer_schemas.ts";
import { readBody } from "./body.ts";
import type { ServerContext } from "./context.ts";

/** What a route answers with: the form of its JSON, or the media type of anything else. */
type AnswerForm = z.ZodType | string;

/** What {@linkcode endpoint} makes an endpoint of. */
export interface EndpointParts<Body extends z.ZodType> {
  readonly method: "get" | "post" | "delete";
  /** Its variable parts are in braces: `/v1/models/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** The form of a JSON body; without it there is none. */
  readonly body?: Body;
  readonly gives: AnswerForm;
  /** The form of the events that the body's `stream` asks for. */
  readonly events?: z.ZodType;
  readonly answer: (
    c: Context,
    server: ServerContext,
    body: z.infer<Body>,
  ) => Response | Promise<Response>;
}

/** A route with its description. */
export interface Endpoint {
  readonly route: RouteConfig & { getRoutingPath(): string };
  readonly answer: (c: Context, server: ServerContext) => Response | Promise<Response>;
}

/** Makes an endpoint whose body is checked before it answers. */
export function endpoint<Body extends z.ZodType = z.ZodVoid>(
  { method, path, summary, body, gives, events, answer }: EndpointParts<Body>,
): Endpoint {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const params = z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
  const route = createRoute({
    method,
    path,
    summary,
    request: {
      ...(names.length > 0 ? { params } : {}),
      ...(body ? { body: { required: true, content: json(body) } } : {}),
    },
    responses: {
      200: {
        description: "The answer",
        content: {
          ...(typeof gives === "string" ? { [gives]: { schema: BYTES } } : json(gives)),
          ...(events ? { "text/event-stream": { schema: events } } : {}),
        },
      },
      default: { description: "What is wrong", content: json(errorAnswer) },
    },
  });
  return {
    route,
    answer: async (c, server) => {
      const given = body ? await readBody(c, body) : undefined;
      return await answer(c, server, given as z.infer<Body>);
    },
  };
}

const BYTES = { type: "string", format: "binary" } as const;

function json(schema: z.ZodType) {
  return { "application/json": { schema } };
}
