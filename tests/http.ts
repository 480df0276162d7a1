/**
 * Talks to a Hono app, with or without a socket between.
 *
 * @module
 */
import type { Hono } from "hono";

/** Parsed JSON of which a test reads what it expects. */
// deno-lint-ignore no-explicit-any
export type Json = any;

/** A request with a JSON body. */
export function post(body: unknown, init: RequestInit = {}): RequestInit {
  return {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
  };
}

/** The JSON that an app answers a body with. */
export async function ask(app: Hono, path: string, body: unknown): Promise<Json> {
  return await (await app.request(path, post(body))).json();
}

/** The `data` of all events of a stream. */
export async function events(response: Response): Promise<string[]> {
  const parts = (await response.text()).split("\n\n");
  return parts.filter((part) => part !== "").map((part) =>
    part.replace(/^(event: .*\n)?data: /, "")
  );
}

/** The JSON of all events of a stream that ended as it should. */
export async function chunks(response: Response): Promise<Json[]> {
  const all = await events(response);
  if (all.at(-1) !== "[DONE]") throw new Error(`The stream ended with ${all.at(-1)}`);
  return all.slice(0, -1).map((data) => JSON.parse(data));
}

/** An app behind a real socket. */
export class Loopback implements AsyncDisposable {
  readonly url: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(app: Hono) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
