import { assert, assertEquals } from "@std/assert";
import type { Hono } from "hono";
import { createServer } from "../src/server/app.ts";
import { KeptStream } from "../src/server/operation/kept_stream.ts";
import { loadFable } from "./fable.ts";
import { type Json, Loopback, post } from "./http.ts";
import { sessionIsFree, watched } from "./sessions.ts";

const COMPLETIONS = "/v1/completions";
const STORY = { prompt: "Once upon a time", ignore_eos: true, max_tokens: 300, stream: true };

/** A request for a stream, or for what comes after an event of it. */
function asked(last?: string, body: object = STORY): RequestInit {
  const own: Record<string, string> = last === undefined
    ? { "Contrail-Resumable": "true" }
    : { "Last-Event-ID": last };
  return post(body, { headers: { "Content-Type": "application/json", ...own } });
}

/** The ids and the data of all whole events in a text. */
function eventsIn(text: string): { id: string; data: string }[] {
  return [...text.matchAll(/id: (\S+)\ndata: (.*)\n\n/g)].map(([, id, data]) => ({
    id: id!,
    data: data!,
  }));
}

/** Reads events until there are so many, and leaves. */
async function readSome(response: Response, count: number) {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (eventsIn(text).length < count) text += (await reader.read()).value!;
  await reader.cancel();
  return eventsIn(text).slice(0, count);
}

function textOf(events: { data: string }[]): string {
  return events.filter(({ data }) => data !== "[DONE]")
    .map(({ data }) => JSON.parse(data).choices[0].text).join("");
}

Deno.test("a resumable stream goes on after a lost connection, with the same text", async () => {
  await using runtime = await loadFable({ sessions: 1 });
  await using server = new Loopback(createServer(runtime, { resumeWindow: 2000 }));
  const url = server.url + COMPLETIONS;
  const seeded = { ...STORY, seed: 5 };
  const whole: Json = await (await fetch(url, post({ ...seeded, stream: false }))).json();
  const first = await readSome(await fetch(url, asked(undefined, seeded)), 3);
  const second = await readSome(await fetch(url, asked(first.at(-1)!.id)), 4);
  const rest = eventsIn(await (await fetch(url, asked(second.at(-1)!.id))).text());
  const all = [...first, ...second, ...rest];
  assertEquals(textOf(all), whole.choices[0].text);
  assertEquals(all.at(-1)!.data, "[DONE]");
  const [stream] = all[0]!.id.split(":");
  assertEquals(all.map(({ id }) => id), all.map((_, i) => `${stream}:${i}`));
  // What was read before can be read again.
  const again = eventsIn(await (await fetch(url, asked(first.at(-1)!.id))).text());
  assertEquals(again, [...second, ...rest]);
});

Deno.test("a resumable stream ends when its client does not come back in time", async () => {
  await using loaded = await loadFable({ sessions: 1 });
  const { runtime, ends } = watched(loaded);
  const app: Hono = createServer(runtime, { resumeWindow: 100 });
  const endless = { ...STORY, max_tokens: 1_000_000 };
  const some = await readSome(await app.request(COMPLETIONS, asked(undefined, endless)), 2);
  await sessionIsFree(loaded);
  assertEquals(ends, ["left"]);
  const gone = await app.request(COMPLETIONS, asked(some[1]!.id));
  const { error }: Json = await gone.json();
  assertEquals([gone.status, error.code], [410, "stream_gone"]);
});

Deno.test("createServer() keeps streams of clients that ask for it, on one route", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime, { resumeWindow: 100 });
  const plain = await (await app.request(COMPLETIONS, post({ ...STORY, max_tokens: 2 }))).text();
  assert(!plain.includes("id: "), plain);
  const short = { ...STORY, max_tokens: 2 };
  const text = await (await app.request(COMPLETIONS, asked(undefined, short))).text();
  const { id } = eventsIn(text)[0]!;
  for (const [path, last] of [["/v1/chat/completions", id], [COMPLETIONS, `${id}9`]] as const) {
    const response = await app.request(path, asked(last));
    await response.body?.cancel();
    assertEquals(response.status, 410, last);
  }
  const off = createServer(runtime, { resumeWindow: 0 });
  assert(
    !(await (await off.request(COMPLETIONS, asked(undefined, short))).text()).includes("id: "),
  );
  await new Promise((resolve) => setTimeout(resolve, 150));
});

Deno.test("KeptStream keeps a bounded part, behind its reader and ahead of it", async () => {
  let made = 0;
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      made++;
      controller.enqueue(new Uint8Array(1000));
    },
  }, { highWaterMark: 0 });
  const kept = new KeptStream(source, { id: "x", window: 10_000, expired: () => {} });
  const reader = kept.open(0)!.getReader();
  for (let i = 0; i < 2000; i++) await reader.read();
  assertEquals(made, 2000);
  // Half a mebibyte is some 500 events.
  assertEquals([kept.open(1400), kept.open(2001)], [undefined, undefined]);
  await kept.open(1600)!.cancel();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert(made > 2400 && made < 2700, `${made}`);
  await kept.end();
});
