/**
 * What HTTP costs: tokens per second of one streaming client, against the same generation through
 * mod.ts.
 *
 * ```sh
 * deno run --allow-all bench/http_bench.ts [--random CONFIG.json --weights TYPE] [--tokens N]
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { createServer, Runtime, type RuntimeOptions } from "../mod.ts";
import { Loopback } from "../tests/http.ts";

const { values } = parseArgs({
  options: {
    random: { type: "string" },
    tokens: { type: "string", default: "1000" },
    weights: { type: "string", default: "auto" },
    repetitions: { type: "string", default: "9" },
  },
});
const tokens = Number(values.tokens);
const repetitions = Number(values.repetitions);
const fable = decodeURIComponent(new URL("../models/fable", import.meta.url).pathname);
const prompt = Array.from({ length: 16 }, (_, i) => i + 100);
const OPTIONS = { seed: 1, temperature: 1 };

/** Milliseconds from the first token to the last, through the library. */
async function direct(runtime: Runtime): Promise<number> {
  await using session = await runtime.session();
  await session.append(prompt, { logits: "none" });
  let first: number | undefined;
  // As far ahead as the server goes.
  const options = { ...OPTIONS, maxTokens: tokens, ignoreEos: true, lookahead: 16 };
  for await (const _ of session.generate(options)) first ??= performance.now();
  return performance.now() - first!;
}

/** The same over HTTP, read as a client does: every event is parsed. */
async function overHttp(url: string): Promise<number> {
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      ...OPTIONS,
      prompt,
      max_tokens: tokens,
      ignore_eos: true,
      // Without a tokenizer, a token has no text to tell.
      ...(values.random === undefined ? {} : { logprobs: 0 }),
      stream: true,
      stream_options: { include_usage: true },
    }),
  });
  let first: number | undefined;
  let generated = 0;
  let rest = "";
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    first ??= performance.now();
    const events = (rest + text).split("\n\n");
    rest = events.pop()!;
    for (const event of events) {
      if (event === "data: [DONE]") continue;
      generated = JSON.parse(event.slice("data: ".length)).usage?.completion_tokens ?? 0;
    }
  }
  if (generated !== tokens) throw new Error(`The stream had ${generated} tokens, not ${tokens}`);
  return performance.now() - first!;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

const settings = { sessions: 1, weights: values.weights } as RuntimeOptions;
await using runtime = values.random === undefined
  ? await Runtime.load(fable, settings)
  : await Runtime.random(values.random, settings);
await using server = new Loopback(createServer(runtime));
const rates: { direct: number[]; http: number[] } = { direct: [], http: [] };
await direct(runtime);
await overHttp(server.url);
// In turn, so that whatever else the machine does comes over both.
for (let i = 0; i < repetitions; i++) {
  rates.direct.push((tokens - 1) / await direct(runtime) * 1000);
  rates.http.push((tokens - 1) / await overHttp(server.url) * 1000);
}
const ratios = rates.http.map((rate, i) => rate / rates.direct[i]!);
console.log(`${tokens} tokens, ${repetitions} times, medians:`);
console.log(`mod.ts ${median(rates.direct).toFixed(1)} tokens/s`);
console.log(`HTTP   ${median(rates.http).toFixed(1)} tokens/s`);
console.log(`HTTP / mod.ts ${(100 * median(ratios)).toFixed(1)} %`);
