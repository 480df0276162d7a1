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
import type { Runtime } from "../runtime.ts";
import type { ServerContext } from "./context.ts";
import type { Scope } from "./operation/api_keys.ts";

/** What a route answers with: the form of its JSON, or the media type of anything else. */
type AnswerForm = z.ZodType | string;

/** What {@linkcode endpoint} makes an endpoint of. */
export interface EndpointParts<Body extends z.ZodType> {
  readonly method: "get" | "post" | "put" | "delete";
  /** Its variable parts are in braces: `/v1/models/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** What a key must be for (default `infer`); `none`: it needs no key. */
  readonly scope?: Scope | "none";
  /** The form of a JSON body; without it there is none. */
  readonly body?: Body;
  /** Whether there is a body of bytes, which the answer reads itself. */
  readonly takesBytes?: boolean;
  /** Most bytes of the body, where those that the server allows for JSON are too few. */
  readonly maxBodyBytes?: (runtime: Runtime) => number;
  /** One form, or one of each kind. */
  readonly gives: AnswerForm | readonly AnswerForm[];
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
  readonly scope: Scope | "none";
  readonly maxBodyBytes: ((runtime: Runtime) => number) | undefined;
  readonly answer: (c: Context, server: ServerContext) => Response | Promise<Response>;
}

/** Makes an endpoint whose body is checked before it answers. */
export function endpoint<Body extends z.ZodType = z.ZodVoid>(
  parts: EndpointParts<Body>,
): Endpoint {
  const { method, path, summary, body, takesBytes, gives, events, answer } = parts;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const params = z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
  const route = createRoute({
    method,
    path,
    summary,
    request: {
      ...(names.length > 0 ? { params } : {}),
      ...(body || takesBytes ? { body: { required: true, content: forms(body ?? BINARY) } } : {}),
    },
    responses: {
      200: {
        description: "The answer",
        content: {
          ...forms(gives),
          ...(events ? { "text/event-stream": { schema: events } } : {}),
        },
      },
      default: { description: "What is wrong", content: json(errorAnswer) },
    },
  });
  return {
    route,
    scope: parts.scope ?? "infer",
    maxBodyBytes: parts.maxBodyBytes,
    answer: async (c, server) => {
      const given = body ? await readBody(c, body) : undefined;
      server.record.body = given;
      return await answer(c, server, given as z.infer<Body>);
    },
  };
}

const BYTES = { type: "string", format: "binary" } as const;

/** The media type of bytes. */
export const BINARY = "application/octet-stream";

/** What is said of a body of these forms. */
function forms(given: AnswerForm | readonly AnswerForm[]) {
  const all = Array.isArray(given) ? given as readonly AnswerForm[] : [given as AnswerForm];
  return Object.assign(
    {},
    ...all.map((form) => typeof form === "string" ? { [form]: { schema: BYTES } } : json(form)),
  );
}

function json(schema: z.ZodType) {
  return { "application/json": { schema } };
}
