/**
 * `GET /health`.
 *
 * @module
 */
import { healthAnswer } from "./answer_schemas.ts";
import { endpoint } from "./endpoint.ts";

/** Says that the server answers. */
export const health = endpoint({
  method: "get",
  path: "/health",
  summary: "Whether the server answers",
  scope: "none",
  gives: healthAnswer,
  answer: (c) => c.json({ status: "ok" }),
});
