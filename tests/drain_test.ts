import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { listening, Output, server } from "./cli.ts";
import { type Json, post } from "./http.ts";
import { Folder } from "./stores.ts";

const ENDLESS = { prompt: "Once upon a time", ignore_eos: true, max_tokens: 1_000_000 };

/** The JSON of a route and its status. */
async function get(url: string): Promise<[status: number, Json]> {
  const response = await fetch(url);
  return [response.status, await response.json()];
}

/** The first entry of this kind, once the log has it. */
async function entry(log: Output, event: string): Promise<Json> {
  return JSON.parse(await log.line(`"event":"${event}"`));
}

Deno.test("contrail serve is healthy but not ready while it loads its model", async () => {
  // Random weights of this shape take seconds to make.
  const args = ["--random", "bench/configs/qwen2.5-1.5b.json", "--sessions", "1"];
  await using process = server(0, args).spawn();
  const log = new Output(process.stderr);
  const { url } = await entry(log, "listening");
  assertEquals(await get(`${url}/health`), [200, { status: "ok" }]);
  const [status, { error }] = await get(`${url}/ready`);
  assertEquals([status, error.code], [503, "loading"]);
  const page = await fetch(url);
  assertEquals(page.status, 503);
  assertStringIncludes(await page.text(), '<meta http-equiv="refresh"');
  process.kill("SIGTERM");
  const { code } = await process.status;
  assertEquals(code, 0);
  assert((await log.until()).includes('"event":"stopped"'));
  assertEquals(await new Output(process.stdout).until(), "");
});

Deno.test("contrail serve refuses new requests while it drains, and saves sessions", async () => {
  await using folder = new Folder();
  const store = ["--store", `sqlite:${folder.path}/store`];
  const grants = [`--allow-read=${folder.path}`, `--allow-write=${folder.path}`];
  let position: number;
  {
    await using process = server(0, [...store, "--drain", "1"], grants).spawn();
    const log = new Output(process.stderr);
    const url = await listening(new Output(process.stdout));
    assertEquals(await get(`${url}/ready`), [200, { status: "ready" }]);
    await fetch(`${url}/v1/sessions`, post({ id: "alice" })).then((r) => r.body?.cancel());
    const appended: Json = await (await fetch(
      `${url}/v1/sessions/alice/append`,
      post({ text: "Once upon a time" }),
    )).json();
    position = appended.position;
    const streaming = await fetch(`${url}/v1/completions`, post({ ...ENDLESS, stream: true }));
    const sessionTurn = fetch(`${url}/v1/sessions/alice/generate`, post({ max_tokens: 8 }));
    process.kill("SIGTERM");
    assertEquals((await entry(log, "draining")).requests >= 1, true);
    const [status, { error }] = await get(`${url}/ready`);
    assertEquals([status, error.code], [503, "shutting_down"]);
    const refused = await fetch(`${url}/v1/completions`, post(ENDLESS));
    assertEquals([refused.status, refused.headers.get("Retry-After")], [503, "5"]);
    await refused.body?.cancel();
    assertEquals((await get(`${url}/health`))[0], 200);
    // It is told why it ends, once the time to drain is over.
    assert((await streaming.text()).includes('"code":"shutting_down"'));
    const turn: Json = await (await sessionTurn).json();
    if (turn.position !== undefined) position = turn.position;
    assertEquals((await process.status).code, 0);
    await log.until();
  }
  await using process = server(0, store, grants).spawn();
  const url = await listening(new Output(process.stdout));
  const [status, session] = await get(`${url}/v1/sessions/alice`);
  assertEquals([status, session.position], [200, position]);
  process.kill("SIGTERM");
  assertEquals((await process.status).code, 0);
  await process.stderr.cancel();
});
