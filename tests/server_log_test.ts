import { assert, assertEquals } from "@std/assert";
import { createServer } from "../src/server/app.ts";
import type { LogEntry } from "../src/server/operation/log.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { loadFable } from "./fable.ts";
import { ask, chunks, post } from "./http.ts";

const COMPLETIONS = "/v1/completions";
const GREEDY = { prompt: "Once upon a time", temperature: 0, max_tokens: 8 };

Deno.test("createServer() logs each request once it is answered, without its text", async () => {
  await using store = new MemoryStore();
  await using runtime = await loadFable({ store });
  const entries: LogEntry[] = [];
  const app = createServer(runtime, { log: (entry) => entries.push(entry) });
  await app.request("/health");
  await ask(app, COMPLETIONS, { ...GREEDY, stop: ["a secret"] });
  await chunks(await app.request(COMPLETIONS, post({ ...GREEDY, stream: true })));
  await app.request("/nowhere?secret");
  await ask(app, COMPLETIONS, { ...GREEDY, temperature: "a secret" });
  await ask(app, "/v1/sessions", { id: "alice" });
  await ask(app, "/v1/sessions/alice/append", { text: "a secret" });
  assertEquals(
    entries.map(({ method, route, status, stream, session }) => [
      method,
      route,
      status,
      stream,
      session,
    ]),
    [
      ["GET", "/health", 200, undefined, undefined],
      ["POST", "/v1/completions", 200, undefined, undefined],
      ["POST", "/v1/completions", 200, "finished", undefined],
      ["GET", null, 404, undefined, undefined],
      ["POST", "/v1/completions", 400, undefined, undefined],
      ["POST", "/v1/sessions", 200, undefined, "alice"],
      ["POST", "/v1/sessions/{id}/append", 200, undefined, "alice"],
    ],
  );
  const tokens = entries.map((entry) => [
    entry.prompt_tokens,
    entry.cached_tokens,
    entry.generated_tokens,
  ]);
  assertEquals(tokens.slice(0, 4), [[0, 0, 0], [5, 0, 8], [5, 5, 8], [0, 0, 0]]);
  const [, whole] = entries;
  assert((whole!.first_token_ms as number) > 0);
  assert((whole!.ms as number) >= (whole!.first_token_ms as number));
  assert(!JSON.stringify(entries).includes("secret"));
  assert(!JSON.stringify(entries).includes("Once upon"));
});

Deno.test("createServer() logs what was asked when it is told to", async () => {
  await using runtime = await loadFable();
  const entries: LogEntry[] = [];
  const app = createServer(runtime, { log: (entry) => entries.push(entry), logPrompts: true });
  await ask(app, COMPLETIONS, GREEDY);
  assertEquals(entries[0]!.body, GREEDY);
});
