import { assert, assertEquals } from "@std/assert";
import type { Hono } from "hono";
import { createServer } from "../src/server/app.ts";
import { createKey, writeKeys } from "../src/server/operation/api_keys.ts";
import { loadFable } from "./fable.ts";
import { ask, chunks, post } from "./http.ts";
import { Folder } from "./stores.ts";

const COMPLETIONS = "/v1/completions";
const GREEDY = { prompt: "Once upon a time", temperature: 0, max_tokens: 8 };

/** Values by their names with labels, as the text form of Prometheus has them. */
async function metricsOf(app: Hono): Promise<Map<string, number>> {
  const response = await app.request("/metrics");
  assertEquals(response.status, 200);
  assert(response.headers.get("Content-Type")!.startsWith("text/plain; version=0.0.4"));
  const lines = (await response.text()).split("\n");
  return new Map(
    lines.filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
      const [, name, value] = line.match(/^(\S+(?:\{.*\})?) (\S+)$/)!;
      return [name!, Number(value)];
    }),
  );
}

Deno.test("createServer() counts requests, tokens, and what was reused", async () => {
  await using runtime = await loadFable({ sessions: 3 });
  const app = createServer(runtime);
  await ask(app, COMPLETIONS, GREEDY);
  await chunks(await app.request(COMPLETIONS, post({ ...GREEDY, stream: true })));
  await ask(app, COMPLETIONS, { prompt: "" });
  await app.request("/v1/models/other");
  await app.request("/nowhere");
  const found = await metricsOf(app);
  const requests = "contrail_requests_total";
  const expected: Record<string, number> = {
    [`${requests}{method="POST",route="/v1/completions",status="200"}`]: 2,
    [`${requests}{method="POST",route="/v1/completions",status="400"}`]: 1,
    [`${requests}{method="GET",route="/v1/models/{id}",status="404"}`]: 1,
    [`${requests}{method="GET",route="none",status="404"}`]: 1,
    'contrail_request_seconds_count{route="/v1/completions"}': 3,
    contrail_prompt_tokens_total: 10,
    contrail_cached_tokens_total: 5,
    'contrail_prompts_total{cache="miss",cause="unknown_prompt"}': 1,
    'contrail_prompts_total{cache="hit",cause="none"}': 1,
    'contrail_generated_tokens_total{exact="true"}': 16,
    contrail_first_token_seconds_count: 2,
    contrail_token_interval_seconds_count: 14,
    contrail_sessions: 3,
    contrail_sessions_open: 0,
    contrail_sessions_free: 3,
    contrail_queue_length: 0,
    contrail_weight_bytes: runtime.memory.weights,
    contrail_session_bytes: 3 * runtime.memory.session,
    // The one that asks.
    contrail_requests_running: 1,
  };
  for (const [name, value] of Object.entries(expected)) {
    assertEquals(found.get(name), value, name);
  }
  // One pass for the prompt that was not known, and one for each token but the first of each.
  assertEquals(found.get("contrail_passes_total"), 15);
  assertEquals(found.get("contrail_pass_sessions_total"), 15);
  assertEquals(found.get("contrail_pass_tokens_total"), 5 + 2 * 7);
  assert(found.get("contrail_pass_seconds_total")! > 0);
  assert(found.get("contrail_prefix_cache_bytes")! > 0);
});

Deno.test("createServer() tells sessions in use, batches, and why nothing was reused", async () => {
  await using runtime = await loadFable({ sessions: 2, prefixCache: 0, attentionBudget: 96 });
  const app = createServer(runtime);
  await ask(app, COMPLETIONS, { ...GREEDY, n: 2, max_tokens: 200, ignore_eos: true });
  const before = await metricsOf(app);
  assertEquals(before.get('contrail_prompts_total{cache="miss",cause="off"}'), 2);
  const exact = before.get('contrail_generated_tokens_total{exact="true"}')!;
  const inexact = before.get('contrail_generated_tokens_total{exact="false"}')!;
  assertEquals(exact + inexact, 400);
  assert(exact > 0 && inexact > 0);
  const batch = before.get("contrail_pass_sessions_total")! / before.get("contrail_passes_total")!;
  assert(batch > 1 && batch <= 2, `${batch}`);
  assertEquals(before.get("contrail_prefix_cache_bytes"), 0);
  const held = [await runtime.session(), await runtime.session()];
  const waiting = runtime.session({ wait: true });
  const full = await metricsOf(app);
  const names = ["contrail_sessions_open", "contrail_sessions_free", "contrail_queue_length"];
  assertEquals(names.map((name) => full.get(name)), [2, 0, 1]);
  await held[0]!.close();
  await (await waiting).close();
  await held[1]!.close();
  const after = await metricsOf(app);
  assertEquals(names.map((name) => after.get(name)), [0, 2, 0]);
});

Deno.test("createServer() tells its metrics to keys of administrators only", async () => {
  await using folder = new Folder();
  const keys = `${folder.path}/keys`;
  const [infer, admin] = [createKey("infer", ["infer"]), createKey("admin", ["admin"])];
  writeKeys(keys, [infer.key, admin.key]);
  await using runtime = await loadFable();
  const app = createServer(runtime, { keys });
  const status = async (text?: string) => {
    const headers: Record<string, string> = text ? { Authorization: `Bearer ${text}` } : {};
    const response = await app.request("/metrics", { headers });
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await status(), 401);
  assertEquals(await status(infer.text), 403);
  assertEquals(await status(admin.text), 200);
});
