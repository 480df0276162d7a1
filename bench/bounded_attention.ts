/**
 * What bounded attention costs the small model, as the tables of `docs/bounded-attention.md`: the
 * perplexity of a text that the model has not been trained on, and the recall of a planted fact.
 *
 * ```sh
 * deno run --allow-all bench/bounded_attention.ts TEXT.txt [perplexity] [read] [recall]
 * ```
 *
 * @module
 */
import { Runtime } from "../mod.ts";
import { Random } from "../tests/cases/random.ts";

const BUDGETS = [96, 128, 256, 512, 1024];
const READS = [128, 256, 512];

/** Loads the small model; no state is kept, as every text is measured once. */
async function load(attentionRead?: number): Promise<Runtime> {
  const folder = decodeURIComponent(new URL("../models/fable", import.meta.url).pathname);
  const options = { attentionBudget: Infinity, sessions: 1, prefixCache: 0 };
  return await Runtime.load(folder, { ...options, ...(attentionRead ? { attentionRead } : {}) });
}

/** The loss in nats of each token after the first. */
async function losses(
  runtime: Runtime,
  attentionBudget: number,
  tokens: readonly number[],
): Promise<number[]> {
  await using session = await runtime.session({ attentionBudget });
  const logits = await session.append(tokens, { logits: "all" });
  const { vocabularySize } = runtime.config;
  return tokens.slice(1).map((id, i) => {
    const row = logits!.subarray(i * vocabularySize, (i + 1) * vocabularySize);
    const most = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
    return most + Math.log(sum) - row[id]!;
  });
}

/** The losses of all texts of `length` tokens that `tokens` are cut into. */
async function lossesOfTexts(
  runtime: Runtime,
  attentionBudget: number,
  tokens: readonly number[],
  length: number,
): Promise<number[][]> {
  const all: number[][] = [];
  for (let start = 0; start + length <= tokens.length; start += length) {
    all.push(await losses(runtime, attentionBudget, tokens.slice(start, start + length)));
  }
  return all;
}

/** Perplexity of the tokens from position `from` on. */
function perplexity(texts: readonly (readonly number[])[], from = 1): number {
  const values = texts.flatMap((text) => text.slice(from - 1));
  return Math.exp(values.reduce((a, b) => a + b, 0) / values.length);
}

function row(cells: readonly (string | number)[]): void {
  console.log(`| ${cells.map(String).join(" | ")} |`);
}

function header(cells: readonly string[]): void {
  console.log();
  row(cells);
  row(cells.map((_, i) => i === 0 ? ":--" : "--:"));
}

/** How much greater `value` is than `reference`. */
function excess(value: number, reference: number): string {
  const percent = (value / reference - 1) * 100;
  return `${percent < 0 ? "" : "+"}${percent.toFixed(2)} %`;
}

const COMPARED = ["perplexity", "unbounded", "excess", "past the budget", "unbounded", "excess"];

function compared(
  bounded: readonly number[][],
  unbounded: readonly number[][],
  budget: number,
): string[] {
  return [1, budget].flatMap((from) => {
    const [value, reference] = [perplexity(bounded, from), perplexity(unbounded, from)];
    return [value.toFixed(2), reference.toFixed(2), excess(value, reference)];
  });
}

async function showPerplexity(tokens: readonly number[]): Promise<void> {
  await using runtime = await load();
  header(["budget", "texts", "tokens each", ...COMPARED]);
  for (const budget of BUDGETS) {
    const length = 4 * budget;
    const bounded = await lossesOfTexts(runtime, budget, tokens, length);
    const unbounded = await lossesOfTexts(runtime, Infinity, tokens, length);
    row([budget, bounded.length, length, ...compared(bounded, unbounded, budget)]);
  }
  const length = runtime.config.maxPositions;
  const unbounded = await lossesOfTexts(runtime, Infinity, tokens, length);
  for (const budget of BUDGETS) {
    const bounded = await lossesOfTexts(runtime, budget, tokens, length);
    row([budget, bounded.length, length, ...compared(bounded, unbounded, budget)]);
  }
}

async function showRead(tokens: readonly number[]): Promise<void> {
  await using whole = await load();
  const length = whole.config.maxPositions;
  const unbounded = await lossesOfTexts(whole, Infinity, tokens, length);
  header(["tokens read", "budget", "texts", "tokens each", ...COMPARED.slice(0, 3)]);
  for (const read of READS) {
    await using runtime = await load(read);
    for (const budget of [512, Infinity]) {
      const texts = await lossesOfTexts(runtime, budget, tokens, length);
      const cells = compared(texts, unbounded, 1).slice(0, 3);
      row([read, budget === Infinity ? "unbounded" : budget, texts.length, length, ...cells]);
    }
  }
}

/** A made-up name that no text has. */
function madeUpName(random: Random): string {
  const pick = (text: string) => text[random.below(text.length)]!;
  const syllable = () => pick("bdgklmprtvz") + pick("aeiou") + pick("lnrsx");
  const name = syllable() + syllable();
  return name[0]!.toUpperCase() + name.slice(1);
}

const FACT = "There was once a dwarf, and the name of the dwarf was";

async function showRecall(tokens: readonly number[]): Promise<void> {
  await using runtime = await load();
  const distances = [384, 1024, 1792];
  header(["budget", ...distances.map((distance) => `${distance} tokens after`)]);
  for (const budget of [...BUDGETS, Infinity]) {
    const cells: string[] = [];
    for (const distance of distances) {
      cells.push((await recall(runtime, budget, tokens, distance, true)).toFixed(2));
    }
    row([budget === Infinity ? "unbounded" : budget, ...cells]);
  }
  const none = await recall(runtime, Infinity, tokens, distances[0]!, false);
  row(["never told", none.toFixed(2), "", ""]);
}

/** Mean log-probability of a name, in nats, `distance` tokens after it was told. */
async function recall(
  runtime: Runtime,
  budget: number,
  text: readonly number[],
  distance: number,
  isTold: boolean,
): Promise<number> {
  const TRIALS = 12;
  const encode = (part: string) => runtime.tokenizer!.encode(part);
  let sum = 0;
  for (let trial = 0; trial < TRIALS; trial++) {
    const random = new Random(trial + 1);
    const name = encode(` ${madeUpName(random)}.`);
    const start = random.below(text.length - distance - 64);
    const before = text.slice(start, start + 32);
    const between = text.slice(start + 32, start + 32 + distance);
    const told = isTold ? [...encode(`\n\n${FACT}`), ...name, ...encode("\n\n")] : [];
    const asked = [...encode(`\n\n${FACT}`), ...name];
    const all = await losses(runtime, budget, [...before, ...told, ...between, ...asked]);
    // Without the full stop.
    sum -= all.slice(-name.length, -1).reduce((a, b) => a + b, 0);
  }
  return sum / TRIALS;
}

const [path, ...tables] = Deno.args;
if (path === undefined) throw new TypeError("Pass the path of a text");
const shown = tables.length > 0 ? tables : ["perplexity", "read", "recall"];
const { tokenizer } = await load().then(async (runtime) => {
  await runtime.close();
  return runtime;
});
const tokens = tokenizer!.encode(Deno.readTextFileSync(path));
if (shown.includes("perplexity")) await showPerplexity(tokens);
if (shown.includes("read")) await showRead(tokens);
if (shown.includes("recall")) await showRecall(tokens);
