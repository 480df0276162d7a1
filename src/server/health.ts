/**
 * `GET /health` and `GET /ready`.
 *
 * @module
 */
import type { Runtime } from "../runtime.ts";
import { healthAnswer, readyAnswer } from "./answer_schemas.ts";
import { endpoint } from "./endpoint.ts";
import { ApiError, shuttingDown } from "./errors.ts";

/** Says that the server answers, and could: an engine that failed needs a new process. */
export const health = endpoint({
  method: "get",
  path: "/health",
  summary: "Whether the server answers: 503 once its engine has failed",
  scope: "none",
  gives: healthAnswer,
  answer: (c, { runtime }) => {
    expectEngine(runtime);
    return c.json({ status: "ok" });
  },
});

/** Says whether the server takes requests. */
export const ready = endpoint({
  method: "get",
  path: "/ready",
  summary: "Whether the server takes requests: 503 while it loads the model, and before it ends",
  scope: "none",
  gives: readyAnswer,
  answer: (c, server) => {
    expectEngine(server.runtime);
    if (server.draining.aborted) throw shuttingDown();
    return c.json({ status: "ready" });
  },
});

function expectEngine({ activity }: Runtime): void {
  if (activity.failure === undefined) return;
  throw new ApiError(503, "The engine has stopped: start the server again", {
    code: "engine_stopped",
  });
}
