/**
 * `GET /v1/models` and `GET /v1/models/:id`.
 *
 * @module
 */
import type { Runtime } from "../runtime.ts";
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
  const { name, config, attentionBudget, memory } = runtime;
  return {
    id: name,
    object: "model",
    created,
    owned_by: "contrail",
    meta: {
      trained_length: config.maxPositions,
      attention_budget: attentionBudget,
      session_bytes: memory.session,
      full_attention_token_bytes: fullAttentionBytes(runtime),
    },
  };
}

/** Bytes that a token would take, were all layers of the model full attention of its widths. */
function fullAttentionBytes({ config, cacheType }: Runtime): number {
  const { layers, kvHeads, headSize } = config;
  return 2 * layers.length * kvHeads * headSize * (cacheType === "f32" ? 4 : 2);
}
