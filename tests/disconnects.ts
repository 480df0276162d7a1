/**
 * Many clients that come, ask, and leave when they like.
 *
 * @module
 */
import { createServer } from "../src/server/app.ts";
import type { Runtime } from "../src/runtime.ts";
import { Random } from "./cases/random.ts";
import { type Json, Loopback, post } from "./http.ts";
import { allSessionsAreFree } from "./sessions.ts";

const CLIENTS = 64;
const PATHS = ["/v1/completions", "/v1/chat/completions", "/v1/responses"];
const HEALTH_EVERY_MS = 50;
const MEMORY_EVERY_MS = 15_000;

/** What came of the clients. */
export interface Visits {
  /** Answers that were read to their end, and those that were left. */
  readonly whole: number;
  readonly left: number;
  /** Statuses other than 200. */
  readonly refused: readonly number[];
  /** Milliseconds that each look at `/health` took. */
  readonly health: readonly number[];
  /** Bytes of resident memory, every 15 s. */
  readonly resident: readonly number[];
}

/** Lets 64 clients of this seed ask for so many milliseconds; waits until all slots are free. */
export async function visit(runtime: Runtime, seed: number, duration: number): Promise<Visits> {
  await using server = new Loopback(createServer(runtime));
  const end = performance.now() + duration;
  const counts = { whole: 0, left: 0 };
  const refused: number[] = [];
  const resident: number[] = [];
  const look = setInterval(() => resident.push(Deno.memoryUsage().rss), MEMORY_EVERY_MS);
  const health = watchHealth(server.url, end);
  await Promise.all(Array.from({ length: CLIENTS }, async (_, client) => {
    const random = new Random(seed * CLIENTS + client);
    while (performance.now() < end) {
      const status = await ask(server.url, random);
      if (status === 0) counts.left++;
      else if (status === 200) counts.whole++;
      else refused.push(status);
    }
  }));
  await allSessionsAreFree(runtime);
  clearInterval(look);
  return { ...counts, refused, health: await health, resident };
}

/** One request: its status, or 0 when the client left before the end. */
async function ask(url: string, random: Random): Promise<number> {
  const path = PATHS[random.below(PATHS.length)]!;
  const leaving = new AbortController();
  // Most leave: some while they wait, some in the middle of the answer.
  const timer = setTimeout(() => leaving.abort(), random.next() ** 2 * 3000);
  try {
    const response = await fetch(
      url + path,
      post(bodyOf(path, random), { signal: leaving.signal }),
    );
    await response.text();
    return response.status;
  } catch (error) {
    if (leaving.signal.aborted) return 0;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function bodyOf(path: string, random: Random): Json {
  const text = `Story ${random.below(100)}: `.repeat(1 + random.below(8));
  const length = 1 + random.below(200);
  const common = { stream: random.below(4) > 0, ignore_eos: true };
  if (path === "/v1/responses") return { ...common, input: text, max_output_tokens: length };
  if (path === "/v1/completions") return { ...common, prompt: text, max_tokens: length };
  return { ...common, messages: [{ role: "user", content: text }], max_tokens: length };
}

async function watchHealth(url: string, end: number): Promise<number[]> {
  const times: number[] = [];
  while (performance.now() < end) {
    const start = performance.now();
    await (await fetch(`${url}/health`)).text();
    times.push(performance.now() - start);
    await delay(HEALTH_EVERY_MS);
  }
  return times;
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
