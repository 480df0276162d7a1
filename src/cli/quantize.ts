/**
 * `contrail quantize`: a model folder with weights of 4 or 8 bits.
 *
 * @module
 */
import { quantize, type QuantizeOptions, type QuantizeReport } from "../quantize/quantize.ts";
import { choice, flag, present, text } from "./arguments.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";
import { bytesText } from "./output.ts";
import { ProgressBar } from "./progress_bar.ts";

export const quantizeCommand: Command = {
  summary: "Write a model anew with weights of 4 or 8 bits",
  usage: "[options] --weights TYPE MODEL OUT",
  options: {
    weights: { type: "string", value: "TYPE", help: "q4 (4 bits) or q8 (8 bits)" },
    group: { type: "string", value: "N", help: "weights with one scale: 32 (q4) or 64 (q8)" },
    calibrate: {
      type: "string",
      value: "FILE",
      help: "a text such as the model will read, to see which weights matter",
    },
    json: { type: "boolean", help: "print one JSON object" },
  },
  example: "--weights q4 models/fable models/fable-q4",
  run,
};

async function run(args: CommandArguments): Promise<number> {
  const [model, out] = folders(args);
  const options = quantizeOptions(args);
  using bar = new ProgressBar();
  const start = performance.now();
  const progress: QuantizeOptions["progress"] = (progress) => bar.show(progress);
  const report = await quantize(model, out, { ...options, progress });
  const seconds = (performance.now() - start) / 1000;
  bar[Symbol.dispose]();
  if (flag(args, "json")) {
    console.log(JSON.stringify(facts(model, out, options, report, seconds), undefined, 2));
  } else {
    console.log(summary(out, report, seconds));
  }
  return 0;
}

function folders({ positionals }: CommandArguments): [model: string, out: string] {
  const [model, out, more] = positionals.map((path) => path.replace(/(?<=.)\/+$/, ""));
  if (model && out && more === undefined) return [model, out];
  const found = more === undefined ? "A folder is missing" : `Unknown argument "${more}"`;
  throw new UsageError(`${found}: pass the model's folder and the new folder`);
}

function quantizeOptions(args: CommandArguments): QuantizeOptions {
  const weights = choice(args, "weights", ["q4", "q8"]);
  if (!weights) throw new UsageError("--weights is missing: pass q4 or q8");
  const group = choice(args, "group", ["32", "64"]);
  const columns = group === undefined ? undefined : group === "32" ? 32 : 64;
  return present<QuantizeOptions>({ weights, group: columns, calibrate: text(args, "calibrate") });
}

function facts(
  model: string,
  out: string,
  { weights, group }: QuantizeOptions,
  report: QuantizeReport,
  seconds: number,
): object {
  return {
    model,
    out,
    weights,
    group: group ?? (weights === "q4" ? 32 : 64),
    calibration_tokens: report.calibrationTokens,
    quantized_tensors: report.quantized,
    kept_tensors: report.kept,
    resumed_tensors: report.resumed,
    source_bytes: report.sourceBytes,
    bytes: report.bytes,
    files: report.files,
    relative_error: report.relativeError,
    seconds,
  };
}

function summary(out: string, report: QuantizeReport, seconds: number): string {
  const { quantized, kept, resumed, sourceBytes, bytes, relativeError } = report;
  const earlier = resumed > 0 ? `, ${resumed} of them written by an earlier run` : "";
  return [
    `${out}: ${bytesText(bytes)} from ${bytesText(sourceBytes)} in ${seconds.toFixed(1)} s`,
    `${quantized} matrices quantized, ${kept} tensors kept as they are${earlier}`,
    `relative error of the weights ${(100 * relativeError).toFixed(2)} %`,
  ].join("\n");
}
