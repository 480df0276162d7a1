/**
 * Runs a `deno` subcommand on the project, with `@std/assert` from npm where JSR cannot be reached.
 *
 * ```sh
 * deno run --allow-all tools/deno.ts test --allow-all tests/chat_test.ts
 * ```
 *
 * @module
 */
import { type Fallback, layOutJsr, reachable } from "./jsr.ts";
import { findSummary, formatSummary } from "./test_summary.ts";

const ROOT = new URL("../", import.meta.url);

async function main([subcommand, ...args]: readonly string[]): Promise<number> {
  if (subcommand !== "test" && subcommand !== "check") {
    console.error("Pass test or check, and what deno is to get with it");
    return 2;
  }
  const fallback = await prepare();
  const command = new Deno.Command(Deno.execPath(), {
    args: [subcommand, ...fallback.args, ...args],
    cwd: ROOT,
    env: fallback.env,
    stdout: subcommand === "test" ? "piped" : "inherit",
  });
  await using process = command.spawn();
  if (subcommand === "check") return (await process.status).code;
  const summary = await findSummary(process.stdout, writeWhole);
  const { code } = await process.status;
  if (summary) console.log(formatSummary(summary));
  return code;
}

async function prepare(): Promise<Fallback> {
  if (await reachable()) return { args: [], env: {} };
  console.error("JSR cannot be reached: @std/assert comes from npm");
  return await layOutJsr(new URL("build/jsr/", ROOT));
}

function writeWhole(chunk: Uint8Array): void {
  for (let start = 0; start < chunk.length;) {
    start += Deno.stdout.writeSync(chunk.subarray(start));
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
