/**
 * 64 clients that leave when they like, some in the middle of an answer: whether every slot is free
 * afterwards, resident memory, and how long `/health` takes meanwhile. Clients and server share
 * this process.
 *
 * ```sh
 * flags=--heap-growing-percent=25,--min-semi-space-size=4,--max-semi-space-size=4
 * deno run --allow-all --v8-flags=$flags bench/disconnects.ts [SECONDS] [SEED]
 * ```
 *
 * The flags are those of the server's task.
 *
 * @module
 */
import { Runtime } from "../mod.ts";
import { visit } from "../tests/disconnects.ts";

const [seconds, seed] = [Number(Deno.args[0] ?? 120), Number(Deno.args[1] ?? 1)];
const fable = decodeURIComponent(new URL("../models/fable", import.meta.url).pathname);
// Kept states are memory that fills by itself, up to its bound.
await using runtime = await Runtime.load(fable, { sessions: 8, prefixCache: 2 ** 24 });
const { whole, left, refused, health, resident } = await visit(runtime, seed, seconds * 1000);
const sorted = health.toSorted((a, b) => a - b);
const quantile = (part: number) => sorted[Math.floor(part * (sorted.length - 1))]!.toFixed(1);
const mebibytes = resident.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(", ");
console.log(
  `${whole} answers were read to their end, ${left} were left, ${refused.length} refused`,
);
console.log(
  `every slot is free; resident memory every 15 s, MiB: ${mebibytes}`,
);
console.log(`/health: p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms, of ${sorted.length}`);
