/**
 * Random requests, most with a fault, to a server of the small model: what it should not have
 * answered, and whether every slot is free afterwards.
 *
 * ```sh
 * deno run --allow-all bench/fuzz.ts [REQUESTS] [SEED]
 * ```
 *
 * @module
 */
import { Runtime } from "../mod.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { fuzz } from "../tests/fuzz/fuzz.ts";

const [count, seed] = [Number(Deno.args[0] ?? 5000), Number(Deno.args[1] ?? 1)];
const fable = decodeURIComponent(new URL("../models/fable", import.meta.url).pathname);
await using runtime = await Runtime.load(fable, { sessions: 4, store: new MemoryStore() });
const start = performance.now();
const { statuses, wrong } = await fuzz(runtime, seed, count);
console.log(`${count} requests in ${((performance.now() - start) / 1000).toFixed(1)} s`);
for (const [status, times] of [...statuses].sort(([a], [b]) => a - b)) {
  console.log(`${status === 0 ? "client left" : status}: ${times}`);
}
for (const line of wrong) console.log(line);
if (wrong.length > 0) Deno.exitCode = 1;
else console.log("nothing is wrong, and every slot is free");
