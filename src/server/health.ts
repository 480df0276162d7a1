/**
 * `GET /health` and `GET /ready`.
 *
 * @module
 */
import { healthAnswer, readyAnswer } from "./answer_schemas.ts";
import { endpoint } from "./endpoint.ts";
import { shuttingDown } from "./errors.ts";

/** Says that the server answers. */
export const health = endpoint({
  method: "get",
  path: "/health",
  summary: "Whether the server answers",
  scope: "none",
  gives: healthAnswer,
  answer: (c) => c.json({ status: "ok" }),
});

/** Says whether the server takes requests. */
export const ready = endpoint({
  method: "get",
  path: "/ready",
  summary: "Whether the server takes requests: 503 while it loads the model, and before it ends",
  scope: "none",
  gives: readyAnswer,
  answer: (c, server) => {
    if (server.draining.aborted) throw shuttingDown();
    return c.json({ status: "ready" });
  },
});
