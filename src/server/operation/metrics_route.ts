/**
 * `GET /metrics`.
 *
 * @module
 */
import { endpoint } from "../endpoint.ts";

/** Tells all metrics to Prometheus. */
export const metrics = endpoint({
  method: "get",
  path: "/metrics",
  summary: "What the server and its runtime count, as Prometheus reads it",
  scope: "admin",
  gives: "text/plain",
  answer: async (_, { metrics }) =>
    new Response(await metrics.text(), { headers: { "Content-Type": metrics.contentType } }),
});
