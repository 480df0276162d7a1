import { assert, assertEquals, assertRejects } from "@std/assert";
import { createServer } from "../src/server/app.ts";
import type { LogEntry } from "../src/server/operation/log.ts";
import { serve } from "../src/server/serve.ts";
import { loadFable } from "./fable.ts";
import { events, type Json, post } from "./http.ts";
import { sessionsAreTaken } from "./sessions.ts";

const ENDLESS = { prompt: "Once upon a time", ignore_eos: true, max_tokens: 4000 };

/** Starts to serve; gives the address, a way to end it, and what settles when it has ended. */
async function start(grace: number) {
  const runtime = await loadFable({ attentionBudget: 2000 });
  const ending = new AbortController();
  const listening = Promise.withResolvers<string>();
  const log = ({ event }: LogEntry) => entries.push(event);
  const entries: string[] = [];
  const ended = serve(() => Promise.resolve(runtime), {
    port: 0,
    grace,
    log,
    signal: ending.signal,
    ready: listening.resolve,
  });
  return { runtime, url: await listening.promise, end: () => ending.abort(), ended, entries };
}

Deno.test("serve() lets what runs finish, then closes the runtime", async () => {
  const { runtime, url, end, ended } = await start(60_000);
  const body = { ...ENDLESS, max_tokens: 100, stream: true };
  const response = await fetch(`${url}/v1/completions`, post(body));
  end();
  assertEquals((await events(response)).at(-1), "[DONE]");
  await ended;
  await assertRejects(() => runtime.session(), Error, "closed");
  await assertRejects(() => fetch(`${url}/health`), TypeError);
});

Deno.test("serve() ends what runs after the grace time and tells the clients", async () => {
  const { runtime, url, end, ended } = await start(20);
  const streaming = await fetch(`${url}/v1/completions`, post({ ...ENDLESS, stream: true }));
  const whole = fetch(`${url}/v1/completions`, post(ENDLESS));
  await sessionsAreTaken(runtime);
  end();
  const last: Json = JSON.parse((await events(streaming)).at(-1)!);
  assertEquals(last.error.code, "shutting_down");
  const refused = await whole;
  const { error }: Json = await refused.json();
  assertEquals([refused.status, error.code], [503, "shutting_down"]);
  await ended;
});

Deno.test("health and ready are 503 once the engine has stopped", async () => {
  const runtime = await loadFable();
  const app = createServer(runtime);
  const found = async () =>
    await Promise.all(["/health", "/ready"].map(async (path) => {
      const response = await app.request(path);
      const { status, error }: Json = await response.json();
      return [response.status, status ?? error.code];
    }));
  assertEquals(await found(), [[200, "ok"], [200, "ready"]]);
  await runtime.close();
  assertEquals(await found(), [[503, "engine_stopped"], [503, "engine_stopped"]]);
});

Deno.test("serve() refuses an address that is not this machine's", async () => {
  const error = await assertRejects(
    () => serve(loadFable, { hostname: "192.0.2.1", port: 0 }),
    Error,
  );
  assert(error.message.startsWith("Cannot listen on 192.0.2.1:0: "));
});
