/**
 * `contrail bench`: how fast a model reads and generates here.
 *
 * @module
 */
import {
  benchmark,
  benchmarkDepth,
  type BenchmarkOptions,
  type BenchmarkReport,
  type Rate,
} from "../benchmark.ts";
import type { Runtime } from "../runtime.ts";
import { LEAST_BUDGET } from "../runtime_options.ts";
import { flag, text, whole, wholes } from "./arguments.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";
import { loadModel, MODEL_OPTIONS, PROFILE_OPTION } from "./model_options.ts";
import { bytesText } from "./output.ts";
import { profileOf, profileText } from "./profile.ts";
import { barText } from "./progress_bar.ts";
import { ProgressLine } from "./progress_line.ts";

// A state of an earlier prompt would take the place of what is measured.
const { "prefix-cache": _, ...modelOptions } = MODEL_OPTIONS;

export const benchCommand: Command = {
  summary: "Measure how fast a model reads and generates",
  usage: "[options]",
  options: {
    ...modelOptions,
    "attention-budget": {
      ...modelOptions["attention-budget"]!,
      help: "tokens that a session's full attention holds (default: what is measured)",
    },
    prompt: { type: "string", value: "N", help: "tokens to read (default 512); 0 for none" },
    generate: { type: "string", value: "N", help: "tokens to generate (default 64); 0 for none" },
    depth: {
      type: "string",
      value: "LIST",
      help: "tokens in the session before (default 0), made up with --random",
    },
    batch: {
      type: "string",
      value: "LIST",
      help: "sessions that generate together (default 1); max: all that fit into --memory",
    },
    repetitions: { type: "string", value: "N", help: "times to measure each (default 5)" },
    ...PROFILE_OPTION,
    json: { type: "boolean", help: "print one JSON object" },
  },
  example: "--prompt 256 --generate 32 --depth 0,1024",
  run: bench,
};

async function bench(args: CommandArguments): Promise<number> {
  const options = benchmarkOptions(args);
  // Nothing is evicted, and no repetition finds the states of the one before.
  const attentionBudget = Math.max(benchmarkDepth(options), LEAST_BUDGET);
  const sessions = Math.max(...options.batches);
  await using runtime = await loadModel(args, { sessions, attentionBudget, prefixCache: 0 });
  const most = runtime.memory.sessions;
  const batches = options.batches.map((count) => count === Infinity ? most : count);
  const report = await measured(runtime, { ...options, batches });
  const profile = await profileOf(runtime);
  if (flag(args, "json")) {
    console.log(JSON.stringify({ ...report, ...(profile && { profile }) }, undefined, 2));
  } else {
    const parts = [heading(report), table(report), ...(profile ? [profileText(profile)] : [])];
    console.log(parts.join("\n\n"));
  }
  return 0;
}

/** Measures, and shows how far that is: in a bar, or where nobody sees one in lines. */
async function measured(runtime: Runtime, options: BenchmarkOptions): Promise<BenchmarkReport> {
  using line = new ProgressLine();
  let last = "";
  return await benchmark(runtime, options, (what, share) => {
    if (line.visible) line.show(`${barText(share)} ${what}`);
    else if (what !== last) console.error(what);
    last = what;
  });
}

function benchmarkOptions(args: CommandArguments): BenchmarkOptions {
  if (args.positionals.length > 0) {
    throw new UsageError(`Unknown argument "${args.positionals[0]}": name a model with --model`);
  }
  const options = {
    prompt: whole(args, "prompt", 0) ?? 512,
    generate: whole(args, "generate", 0) ?? 64,
    depths: wholes(args, "depth") ?? [0],
    batches: batches(args),
    repetitions: whole(args, "repetitions", 1) ?? 5,
    syntheticContext: text(args, "random") !== undefined,
  };
  if (options.prompt + options.generate > 0) return options;
  throw new UsageError("--prompt and --generate are both 0: pass a number of at least 1 for one");
}

/** How many sessions generate together: Infinity for as many as there is room for. */
function batches(args: CommandArguments): number[] {
  const list = text(args, "batch") ?? "1";
  const counts = list.split(",").map((item) => item.trim() === "max" ? Infinity : Number(item));
  if (counts.includes(Infinity) && text(args, "memory") === undefined) {
    throw new UsageError(`--batch is "${list}" without a limit: pass --memory, too`);
  }
  if (counts.every((count) => count === Infinity || Number.isInteger(count) && count > 0)) {
    return counts;
  }
  throw new UsageError(`--batch is "${list}": pass numbers of at least 1, or max`);
}

function heading(report: BenchmarkReport): string {
  const { machine, model, limits } = report;
  const weights = `${bytesText(model.weight_bytes)} of ${model.weights} weights`;
  const millions = (model.parameters / 1e6).toLocaleString("en", { maximumFractionDigits: 1 });
  const { read_gb_s, bf16_gflop_s, int8_gop_s } = limits;
  return [
    `${model.shape}: ${millions} million parameters, ${weights}, a session of ` +
    bytesText(model.session_bytes),
    `${machine.os} ${machine.arch}, ${machine.instruction_set}, threads ${machine.threads}: ` +
    `${read_gb_s.toFixed(1)} GB/s, ${bf16_gflop_s.toFixed(0)} GFLOP/s, ` +
    `${int8_gop_s.toFixed(0)} GOP/s in 8 bits`,
    `${bytesText(model.resident_bytes)} resident` +
    (report.synthetic_context ? ", context made up" : ""),
  ].join("\n");
}

const COLUMNS = ["test", "tokens/s", "rate", "of the limit", "ms/token: p50", "p99"];

function table({ prefill, decode }: BenchmarkReport): string {
  const rows = [COLUMNS];
  for (const result of prefill) {
    const { tokens, depth, gflop_s } = result;
    const rates = [rateText(result), `${gflop_s.toFixed(1)} GFLOP/s`, shareText(result)];
    rows.push([`prompt ${tokens} at ${depth}`, ...rates, "", ""]);
  }
  for (const result of decode) {
    const { tokens, depth, batch, ms_per_token: { p50, p99 }, gb_s } = result;
    const sessions = batch === 1 ? "" : ` × ${batch}`;
    const rates = [rateText(result), `${gb_s.toFixed(1)} GB/s`, shareText(result)];
    const times = [p50.toFixed(2), p99.toFixed(2)];
    rows.push([`generate ${tokens} at ${depth}${sessions}`, ...rates, ...times]);
  }
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))
      .join("   ").trimEnd()
  ).join("\n");
}

function rateText({ tokens_per_second, tokens_per_second_sd }: Rate): string {
  return `${tokens_per_second.toFixed(1)} ± ${tokens_per_second_sd.toFixed(1)}`;
}

function shareText({ fraction_of_limit }: { fraction_of_limit: number }): string {
  return `${(100 * fraction_of_limit).toFixed(0)} %`;
}
