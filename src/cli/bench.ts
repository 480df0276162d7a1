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
import { LEAST_BUDGET } from "../runtime_options.ts";
import { flag, whole, wholes } from "./arguments.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";
import { loadModel, MODEL_OPTIONS } from "./model_options.ts";
import { bytesText } from "./output.ts";

export const benchCommand: Command = {
  summary: "Measure how fast a model reads and generates",
  usage: "[options]",
  options: {
    ...MODEL_OPTIONS,
    "attention-budget": {
      ...MODEL_OPTIONS["attention-budget"]!,
      help: "tokens that a session's full attention holds (default: what is measured)",
    },
    prompt: { type: "string", value: "N", help: "tokens to read (default 512); 0 for none" },
    generate: { type: "string", value: "N", help: "tokens to generate (default 64); 0 for none" },
    depth: { type: "string", value: "LIST", help: "tokens in the session before (default 0)" },
    repetitions: { type: "string", value: "N", help: "times to measure each (default 5)" },
    json: { type: "boolean", help: "print one JSON object" },
  },
  example: "--prompt 256 --generate 32 --depth 0,1024",
  run: bench,
};

async function bench(args: CommandArguments): Promise<number> {
  const options = benchmarkOptions(args);
  // Nothing is evicted, and no repetition finds the states of the one before.
  const attentionBudget = Math.max(benchmarkDepth(options), LEAST_BUDGET);
  const measured = { sessions: 1, attentionBudget, prefixCache: 0 };
  await using runtime = await loadModel(args, measured);
  const report = await benchmark(runtime, options, console.error);
  if (flag(args, "json")) console.log(JSON.stringify(report, undefined, 2));
  else console.log(`${heading(report)}\n\n${table(report)}`);
  return 0;
}

function benchmarkOptions(args: CommandArguments): BenchmarkOptions {
  if (args.positionals.length > 0) {
    throw new UsageError(`Unknown argument "${args.positionals[0]}": name a model with --model`);
  }
  const options = {
    prompt: whole(args, "prompt", 0) ?? 512,
    generate: whole(args, "generate", 0) ?? 64,
    depths: wholes(args, "depth") ?? [0],
    repetitions: whole(args, "repetitions", 1) ?? 5,
  };
  if (options.prompt + options.generate > 0) return options;
  throw new UsageError("--prompt and --generate are both 0: pass a number of at least 1 for one");
}

function heading({ machine, model }: BenchmarkReport): string {
  const weights = `${bytesText(model.weight_bytes)} of ${model.weights} weights`;
  const millions = (model.parameters / 1e6).toLocaleString("en", { maximumFractionDigits: 1 });
  return [
    `${model.name}: ${millions} million parameters, ${weights}, a session of ` +
    bytesText(model.session_bytes),
    `${machine.os} ${machine.arch}, ${machine.instruction_set}, threads ${machine.threads}`,
  ].join("\n");
}

const COLUMNS = ["test", "tokens/s", "rate", "ms/token: p50", "p99"];

function table({ prefill, decode }: BenchmarkReport): string {
  const rows = [COLUMNS];
  for (const { tokens, depth, tokens_per_second, gflop_s } of prefill) {
    const rate = `${gflop_s.toFixed(1)} GFLOP/s`;
    rows.push([`prompt ${tokens} at ${depth}`, rateText(tokens_per_second), rate, "", ""]);
  }
  for (const { tokens, depth, tokens_per_second, ms_per_token, gb_s } of decode) {
    const { p50, p99 } = ms_per_token;
    const times = [p50.toFixed(2), p99.toFixed(2)];
    const rate = `${gb_s.toFixed(1)} GB/s`;
    rows.push([`generate ${tokens} at ${depth}`, rateText(tokens_per_second), rate, ...times]);
  }
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))
      .join("   ").trimEnd()
  ).join("\n");
}

function rateText({ mean, deviation }: Rate): string {
  return `${mean.toFixed(1)} ± ${deviation.toFixed(1)}`;
}
