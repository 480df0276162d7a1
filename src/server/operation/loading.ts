/**
 * What a server answers before its model is loaded.
 *
 * @module
 */
import { Hono } from "hono";
import { ApiError, errorResponse } from "../errors.ts";

/** An app that is healthy, and ready for nothing. */
export function loadingServer(): Hono {
  const app = new Hono();
  app.get("/health", (c) => c.json({ status: "ok" }));
  app.all("*", (c) => errorResponse(c, loading()));
  return app;
}

function loading(): ApiError {
  return new ApiError(503, "The model is being loaded; try again later", {
    code: "loading",
    headers: { "Retry-After": "5" },
  });
}
