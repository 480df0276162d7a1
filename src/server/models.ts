/**
 * `GET /v1/models` and `GET /v1/models/:id`.
 *
 * @module
 */
import type { Context } from "hono";
import type { ServerContext } from "./context.ts";
import { checkModel } from "./generation.ts";

/** Lists the one model that is there. */
export function listModels(c: Context, server: ServerContext): Response {
  return c.json({ object: "list", data: [entry(server)] });
}

/** Describes a model by its name. */
export function showModel(c: Context, server: ServerContext): Response {
  checkModel(server.runtime, c.req.param("id"));
  return c.json(entry(server));
}

function entry({ runtime, created }: ServerContext): object {
  return { id: runtime.name, object: "model", created, owned_by: "contrail" };
}
