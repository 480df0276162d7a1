/**
 * Generates a great many tokens in one session, and shows that neither the session nor the process
 * grows. The model is the small one, or another that `FOLDER` holds.
 *
 * ```sh
 * flags=--gc-global,--min-semi-space-size=16,--max-semi-space-size=16
 * deno run --allow-all --v8-flags=$flags bench/long_run.ts [TOKENS] [FOLDER]
 * ```
 *
 * With these flags V8 collects all garbage each time, so that nothing waits for later.
 *
 * @module
 */
import { Runtime } from "../mod.ts";

const tokens = Number(Deno.args[0] ?? 1_000_000);
const marks = new Set([1_000, 10_000, 100_000, tokens]);
for (let mark = 200_000; mark < tokens; mark += 100_000) marks.add(mark);

const fable = decodeURIComponent(new URL("../models/fable", import.meta.url).pathname);
await using runtime = await Runtime.load(Deno.args[1] ?? fable, {
  sessions: 1,
  attentionBudget: 256,
  // Full before the first 10,000 tokens are out.
  prefixCache: 2 ** 20,
  threads: 1,
});
await using session = await runtime.session();
await session.append([1, 2, 3], { logits: "none" });

const options = { temperature: 0.8, topP: 0.9, seed: 1, ignoreEos: true, lookahead: 64 };
const start = performance.now();
let count = 0;
console.log("  tokens  session bytes  process RSS  tokens/s");
for await (const _ of session.generate({ ...options, maxTokens: tokens })) {
  if (!marks.has(++count)) continue;
  const seconds = (performance.now() - start) / 1000;
  const columns = [
    String(count).padStart(8),
    String(session.bytes).padStart(13),
    `${(Deno.memoryUsage().rss / 2 ** 20).toFixed(1)} MiB`.padStart(11),
    (count / seconds).toFixed(0).padStart(8),
  ];
  console.log(columns.join("  "));
}
