/**
 * `GET /health`.
 *
 * @module
 */
import type { Context } from "hono";

/** Says that the server answers. */
export function health(c: Context): Response {
  return c.json({ status: "ok" });
}
