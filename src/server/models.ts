/**
 * `GET /v1/models` and `GET /v1/models/:id`.
 *
 * @module
 */
import { modelAnswer, modelsAnswer } from "./answer_schemas.ts";
import type { ServerContext } from "./context.ts";
import { endpoint } from "./endpoint.ts";
import { checkModel } from "./generation.ts";

/** Lists the one model that is there. */
export const listModels = endpoint({
  method: "get",
  path: "/v1/models",
  summary: "The models that are there",
  gives: modelsAnswer,
  answer: (c, server) => c.json({ object: "list", data: [entry(server)] }),
});

/** Describes a model by its name. */
export const showModel = endpoint({
  method: "get",
  path: "/v1/models/{id}",
  summary: "One model",
  gives: modelAnswer,
  answer: (c, server) => {
    checkModel(server.runtime, c.req.param("id"));
    return c.json(entry(server));
  },
});

function entry({ runtime, created }: ServerContext): object {
  return { id: runtime.name, object: "model", created, owned_by: "contrail" };
}
