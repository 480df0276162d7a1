/**
 * What a server answers before its model is loaded.
 *
 * @module
 */
import { Hono } from "hono";
import { ApiError, errorResponse } from "../errors.ts";

/** Whoever opens the page gets it as soon as the model is there. */
const PAGE = `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="color-scheme" content="light dark">
    <meta http-equiv="refresh" content="2">
    <title>Contrail</title>
  </head>
  <body>
    <p>The model is being loaded …</p>
  </body>
</html>
`;

/** An app that is healthy, and ready for nothing. */
export function loadingServer(): Hono {
  const app = new Hono();
  app.get("/health", (c) => c.json({ status: "ok" }));
  app.get("/", (c) => c.html(PAGE, 503));
  app.all("*", (c) => errorResponse(c, loading()));
  return app;
}

function loading(): ApiError {
  return new ApiError(503, "The model is being loaded; try again later", {
    code: "loading",
    headers: { "Retry-After": "5" },
  });
}
