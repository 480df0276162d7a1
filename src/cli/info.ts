/**
 * `contrail info`: what was loaded, and what it runs on.
 *
 * @module
 */
import { parameterCount } from "../model_costs.ts";
import type { Runtime } from "../runtime.ts";
import { flag } from "./arguments.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";
import { loadModel, MODEL_OPTIONS, SESSIONS_OPTION } from "./model_options.ts";
import { bytesText } from "./output.ts";

export const infoCommand: Command = {
  summary: "Show what a model is made of and what it runs on",
  usage: "[options]",
  options: {
    ...MODEL_OPTIONS,
    ...SESSIONS_OPTION,
    json: { type: "boolean", help: "print one JSON object" },
  },
  example: "--model models/fable --json",
  run: info,
};

async function info(args: CommandArguments): Promise<number> {
  if (args.positionals.length > 0) {
    throw new UsageError(`Unknown argument "${args.positionals[0]}": name a model with --model`);
  }
  await using runtime = await loadModel(args);
  const facts = describe(runtime);
  if (flag(args, "json")) console.log(JSON.stringify(facts, undefined, 2));
  else console.log(table(facts));
  return 0;
}

/** All that is told, under the names of the JSON object. */
type Facts = ReturnType<typeof describe>;

function describe(runtime: Runtime) {
  const { config, backend, memory } = runtime;
  const layers: Record<string, number> = {};
  for (const kind of config.layers) layers[kind] = (layers[kind] ?? 0) + 1;
  return {
    model: runtime.name,
    parameters: parameterCount(config),
    layers,
    hidden_size: config.hiddenSize,
    vocabulary: config.vocabularySize,
    trained_length: config.maxPositions,
    tokenizer: runtime.tokenizer !== undefined,
    library: backend.library,
    instruction_set: backend.instructionSet,
    threads: backend.threads,
    weights_type: runtime.weightsType,
    cache_type: runtime.cacheType,
    state_type: runtime.stateType,
    weight_file: runtime.weightsFile ?? null,
    weight_bytes: memory.weights,
    scratch_bytes: memory.scratch,
    session_bytes: memory.session,
    sessions: memory.sessions,
    attention_budget: runtime.attentionBudget,
    attention_read: Math.min(runtime.attentionRead, runtime.attentionBudget),
    prefix_cache_bytes: memory.prefixCache,
    total_bytes: memory.weights + memory.scratch + memory.session * memory.sessions +
      memory.prefixCache,
  };
}

function table(facts: Facts): string {
  const layers = Object.entries(facts.layers).map(([kind, count]) => `${count} ${kind}`);
  const total = Object.values(facts.layers).reduce((a, b) => a + b, 0);
  const mapped = facts.weight_file === null ? "" : `, mapped from ${facts.weight_file}`;
  const rows: [string, string | number][] = [
    ["model", facts.model],
    ["parameters", facts.parameters.toLocaleString("en")],
    ["layers", `${total} (${layers.join(", ")})`],
    ["hidden size", facts.hidden_size],
    ["vocabulary", facts.vocabulary],
    ["trained length", `${facts.trained_length} tokens`],
    ["tokenizer", facts.tokenizer ? "yes" : "none: token ids only"],
    ["library", facts.library],
    ["instruction set", facts.instruction_set],
    ["threads", facts.threads],
    ["weights", `${bytesText(facts.weight_bytes)} (${facts.weights_type}${mapped})`],
    ["scratch", bytesText(facts.scratch_bytes)],
    ["session", `${bytesText(facts.session_bytes)} (${sessionTypes(facts)})`],
    ["sessions", facts.sessions],
    ["attention", `holds ${facts.attention_budget} tokens, reads ${facts.attention_read}`],
    ["prefix cache", `at most ${bytesText(facts.prefix_cache_bytes)}`],
    ["memory in all", `at most ${bytesText(facts.total_bytes)}`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(16)} ${value}`).join("\n");
}

function sessionTypes({ cache_type, state_type }: Facts): string {
  return `keys and values ${cache_type}, recurrent states ${state_type}`;
}
