import { assert, assertEquals, assertMatch } from "@std/assert";
import { Checkpoint, type TensorEntry } from "../src/checkpoint/checkpoint.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import { type ModelConfig, parseConfig } from "../src/config.ts";
import { tensorShapes } from "../src/model/tensor_shapes.ts";
import { ELEMENT_BYTES } from "../src/ops.ts";
import { type Files, openFiles, SMALL_CONFIG, smallModel, withFolder } from "./checkpoints.ts";
import { type Mutation, mutations } from "./mutations.ts";

/** What a model is loaded from. */
interface Model {
  readonly config: ModelConfig;
  readonly entries: readonly TensorEntry[];
}

type Outcome = "refused" | "the same" | "another model";

/** Reads all that loading a model reads before the weights themselves. */
function readModel(folder: string): Model {
  const path = `${folder}/config.json`;
  const config = parseConfig(readJson(path), path);
  const checkpoint = Checkpoint.open(folder);
  const shapes = [...tensorShapes(config)];
  return { config, entries: shapes.map(([name, shape]) => checkpoint.entry(name, shape)) };
}

/** What the shapes of the tensors settle; the rest of a configuration nothing can check. */
function settledByShapes({ config }: Model): unknown {
  const { jet, layers, ...rest } = config;
  const free = { window: 0, maxPositions: 0, ropeTheta: 0, normEpsilon: 0, endTokens: [] };
  return {
    ...rest,
    ...free,
    layers: layers.map((kind) => kind === "jet"),
    jet: jet && { ...jet, normEpsilon: 0 },
  };
}

/** Asserts that every tensor lies in its file, apart from the others, with room for its shape. */
function assertInRange({ entries }: Model): void {
  const ends = new Map<string, number>();
  for (const { path, offset, bytes, type, shape } of entries.toSorted(byOffset)) {
    assertEquals(bytes, shape.reduce((product, size) => product * size, ELEMENT_BYTES[type]));
    assert(offset >= (ends.get(path) ?? 8), `${path}: tensors overlap at ${offset}`);
    ends.set(path, offset + bytes);
  }
  for (const [path, end] of ends) assert(end <= Deno.statSync(path).size, `${path} ends too early`);
}

function byOffset(a: TensorEntry, b: TensorEntry): number {
  return a.offset - b.offset;
}

/** The same model without where its header ends, which harmless changes move. */
function withoutOffsets({ config, entries }: Model): unknown {
  const start = (path: string) =>
    Math.min(...entries.filter((entry) => entry.path === path).map(({ offset }) => offset));
  return {
    config,
    entries: entries.map((entry) => ({ ...entry, offset: entry.offset - start(entry.path) })),
  };
}

/** What becomes of a folder with a damaged file. */
function tryMutation(folder: string, original: Model, { what }: Mutation): Outcome {
  let model: Model;
  try {
    model = readModel(folder);
  } catch (error) {
    const known = error instanceof Error && error.constructor === Error;
    assert(known, `${what} throws ${error instanceof Error ? error.stack : error}`);
    assertMatch(error.message, /^Cannot (?:use|read) [^\n]{20,700}$/, what);
    assert(error.message.includes(folder), `${what} gives no file: ${error.message}`);
    return "refused";
  }
  assertInRange(model);
  assertEquals(settledByShapes(model), settledByShapes(original), what);
  const [found, wanted] = [model, original].map((one) => JSON.stringify(withoutOffsets(one)));
  return found === wanted ? "the same" : "another model";
}

/** Counts the outcomes of `count` mutations of a folder. */
function tryMutations(files: Files, count: number, seed: number): Record<Outcome, number> {
  const outcomes = { refused: 0, "the same": 0, "another model": 0 };
  withFolder(files, (folder) => {
    const original = readModel(folder);
    const before = openFiles();
    for (const mutation of mutations(files, count, seed)) {
      Deno.writeFileSync(`${folder}/${mutation.file}`, mutation.bytes);
      outcomes[tryMutation(folder, original, mutation)]++;
      Deno.writeFileSync(`${folder}/${mutation.file}`, files.get(mutation.file)!);
    }
    assertEquals(openFiles(), before);
  });
  return outcomes;
}

const MODELS: Readonly<Record<string, Files>> = {
  "one weight file": smallModel(),
  "two weight files and an index": smallModel({ sharded: true }),
  "an output matrix of its own": smallModel({
    config: { ...SMALL_CONFIG, tie_word_embeddings: false },
  }),
};

for (const [seed, [name, files]] of Object.entries(MODELS).entries()) {
  Deno.test(`a model folder is refused with a sentence when ${name} and it are damaged`, () => {
    const count = 1000;
    const outcomes = tryMutations(files, count, seed + 1);
    console.log(name, outcomes);
    assert(outcomes.refused >= 0.9 * count, JSON.stringify(outcomes));
  });
}

Deno.test("mutations() gives the same damage for the same seed", () => {
  const files = smallModel();
  const first = [...mutations(files, 50, 7)];
  assertEquals([...mutations(files, 50, 7)], first);
  const other = [...mutations(files, 50, 8)];
  assert(first.some(({ what }, i) => what !== other[i]!.what));
});
