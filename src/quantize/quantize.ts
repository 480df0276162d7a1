/**
 * Writes a model folder anew with weights of 4 or 8 bits, tensor by tensor.
 *
 * @module
 */
import { Checkpoint } from "../checkpoint/checkpoint.ts";
import { planFiles, type PlannedFile } from "../checkpoint/layout.ts";
import { readJson } from "../checkpoint/read_json.ts";
import { parseConfig } from "../config.ts";
import { isRecord } from "../json_fields.ts";
import { readText } from "../read_text.ts";
import { calibrate, type Calibration } from "./calibrate.ts";
import { type Job, planJobs } from "./jobs.ts";
import { quantizationConfig, recipe } from "./recipe.ts";
import { type ErrorSums, writeTensor } from "./tensor_writer.ts";
import { WorkFolder } from "./work_folder.ts";

/** How {@linkcode quantize} works. */
export interface QuantizeOptions {
  readonly weights: "q4" | "q8";
  /** Columns that share a scale (default 32 with q4, 64 with q8). */
  readonly group?: 32 | 64;
  /** Most bytes of weights in one file (default 2 GB). */
  readonly fileBytes?: number;
  /** Bytes that are read between two points from which a run can go on (default 256 MB). */
  readonly syncBytes?: number;
  /** File with a text whose reading shows which columns matter; without one all are alike. */
  readonly calibrate?: string;
  readonly progress?: (progress: QuantizeProgress) => void;
}

/** How far {@linkcode quantize} is. */
export interface QuantizeProgress {
  /** The tensor at hand, or the text. */
  readonly path: string;
  readonly bytes: number;
  readonly totalBytes: number;
}

/** What {@linkcode quantize} did. */
export interface QuantizeReport {
  /** Matrices with few bits, and tensors that stayed as they are. */
  readonly quantized: number;
  readonly kept: number;
  /** Tensors that an earlier run had written. */
  readonly resumed: number;
  /** Bytes of all tensors before and after. */
  readonly sourceBytes: number;
  readonly bytes: number;
  readonly files: number;
  /** Tokens that were read to weigh the columns. */
  readonly calibrationTokens: number;
  /** √(Σ h·(w − w′)² / Σ h·w²) over all quantized matrices. */
  readonly relativeError: number;
}

const FILE_BYTES = 2e9;
const SYNC_BYTES = 256e6;

/** Files that go with the weights, whatever their type. */
const COMPANIONS: readonly RegExp[] = [
  /^(?:tokenizer|chat_template)/,
  /^(?:vocab|special_tokens_map|added_tokens|generation_config)\.json$/,
  /^merges\.txt$/,
  /^(?:LICENSE|NOTICE|MODEL_CARD|README)/i,
  /\.py$/,
];

/**
 * Quantizes the model in the folder `model` into the new folder `out`, which appears when it is
 * complete; a run that was cut off is taken up. Throws an `Error` when `out` exists, or the model
 * cannot be read or is quantized already.
 */
export async function quantize(
  model: string,
  out: string,
  options: QuantizeOptions,
): Promise<QuantizeReport> {
  const chosen = recipe(options.weights, options.group);
  const { calibrate: path } = options;
  const text = path === undefined ? undefined : readText(path);
  const json = readConfig(model);
  const config = parseConfig(json, `${model}/config.json`);
  const jobs = planJobs(Checkpoint.open(model), config, chosen);
  const plan = planFiles(jobs.map(({ outputs }) => outputs), options.fileBytes ?? FILE_BYTES);
  using work = new WorkFolder(out, taskOf(model, jobs, options));
  const calibration = text !== undefined && work.finished.size < jobs.length
    ? await calibrate(model, config, text, (share) => {
      const [bytes, totalBytes] = [Math.round(share * text.length), text.length];
      options.progress?.({ path: path!, bytes, totalBytes });
    })
    : undefined;
  const { error, energy } = writeTensors(work, jobs, plan.files, calibration, options);
  const matrices = jobs.filter(({ entry }) => entry.shape.length === 2);
  const formats = new Map(matrices.map(({ entry, format }) => [entry.name, format]));
  const quantization = quantizationConfig(chosen, formats);
  work.add("config.json", jsonBytes({ ...json, quantization_config: quantization }));
  if (plan.index) work.add("model.safetensors.index.json", jsonBytes(plan.index));
  for (const { name, isDirectory } of Deno.readDirSync(model)) {
    const goesWith = !isDirectory && COMPANIONS.some((pattern) => pattern.test(name));
    if (goesWith) work.add(name, Deno.readFileSync(`${model}/${name}`));
  }
  work.publish();
  const quantized = jobs.filter(({ format }) => format).length;
  return {
    quantized,
    kept: jobs.length - quantized,
    resumed: work.finished.size,
    sourceBytes: sum(jobs.map(({ entry }) => entry.bytes)),
    bytes: sum(jobs.flatMap(({ outputs }) => outputs.map(({ bytes }) => bytes))),
    files: plan.files.length,
    calibrationTokens: calibration?.tokens ?? 0,
    relativeError: energy > 0 ? Math.sqrt(error / energy) : 0,
  };
}

function readConfig(model: string): Readonly<Record<string, unknown>> {
  const path = `${model}/config.json`;
  const config = readJson(path);
  if (!isRecord(config)) throw new Error(`Cannot use ${path}: it is not an object`);
  if (config.quantization_config === undefined) return config;
  throw new Error(
    `Cannot quantize ${model}: its config.json has a quantization_config, so it is quantized ` +
      "already; pass the model in F32, BF16 or F16",
  );
}

/** Writes all tensors that are not there yet. Returns the sums of all errors and energies. */
function writeTensors(
  work: WorkFolder,
  jobs: readonly Job[],
  files: readonly PlannedFile[],
  calibration: Calibration | undefined,
  { progress, syncBytes = SYNC_BYTES }: QuantizeOptions,
): ErrorSums {
  const totalBytes = sum(jobs.map(({ entry }) => entry.bytes));
  let [done, synced, error, energy] = [0, 0, 0, 0];
  for (const job of jobs) {
    const { name, bytes, path } = job.entry;
    let finished = work.finished.get(name);
    if (!finished) {
      const planned = files.find(({ offsets }) => offsets.has(job.outputs[0]!.name))!;
      using source = Deno.openSync(path);
      const sums = writeTensor(job, {
        source,
        file: work.file(planned),
        offsets: planned.offsets,
        importance: calibration?.importance.get(name),
        advance: (bytes) => progress?.({ path: name, bytes: done + bytes, totalBytes }),
      });
      work.finish(finished = { tensor: name, ...sums });
    }
    done += bytes;
    error += finished.error;
    energy += finished.energy;
    if (done - synced < syncBytes && done < totalBytes) continue;
    work.sync();
    synced = done;
  }
  return { error, energy };
}

/** What must be the same for a run to go on where another one stopped. */
function taskOf(model: string, jobs: readonly Job[], options: QuantizeOptions): object {
  const { weights, group, fileBytes, calibrate } = options;
  const read = [
    ...jobs.map(({ entry }) => entry.path),
    ...calibrate === undefined ? [] : [calibrate],
  ];
  const sources = [...new Set(read)].map((path) => {
    const { size, mtime } = Deno.statSync(path);
    return { path: Deno.realPathSync(path), size, mtime };
  });
  const formats = recipe(weights, group);
  return { model: Deno.realPathSync(model), ...formats, fileBytes, sources };
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
