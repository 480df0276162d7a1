/**
 * Damages model folders, in seeded ways, for tests that whatever reads them says so.
 *
 * @module
 */
import { Random } from "./cases/random.ts";
import type { Files } from "./checkpoints.ts";
import { type JsonNode, type JsonPlace, jsonPlaces, jsonText, jsonTree } from "./json_tree.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** One damaged file. */
export interface Mutation {
  /** What was done, such as `model.safetensors: header: a.dtype deleted`. */
  readonly what: string;
  /** The file's name in the folder. */
  readonly file: string;
  /** What it now holds. */
  readonly bytes: Bytes;
}

/** Values that stand where others are wanted. */
const OTHER_VALUES = ["null", "true", "false", '"7"', '""', "[]", "{}", "[7]", '{"a":7}', "7"];
/** Numbers at the edges of what programs can hold. */
// deno-fmt-ignore
const NUMBERS = ["0", "-1", "1.5", "-0.25", "1e999", "-1e999", "1e300", "4294967295", "4294967296",
  "2147483648", "9007199254740991", "9007199254740992", "9223372036854775807",
  "18446744073709551616", "1099511627776"];
const STRINGS = ["__proto__", "constructor", "../model", "F16", "I32", "F64", "BF17", "\0", "jet"];
/** What a header's length is replaced by. */
const LENGTHS = [
  0n,
  1n,
  7n,
  2n ** 31n,
  2n ** 32n,
  100_000_001n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/**
 * `count` mutations of the `.json` and `.safetensors` files of a folder, each of one file; the same
 * for the same seed. Of a weight file the header is damaged, or the file cut or lengthened.
 */
export function* mutations(files: Files, count: number, seed: number): Generator<Mutation> {
  const random = new Random(seed);
  const names = [...files.keys()].filter((name) => /\.(?:json|safetensors)$/.test(name));
  for (let number = 0; number < count; number++) {
    const file = names[number % names.length]!;
    const original = files.get(file)!;
    const { what, bytes } = file.endsWith(".json")
      ? mutateJson(original, random)
      : mutateSafetensors(original, random);
    yield { what: `${file}: ${what}`, file, bytes };
  }
}

type Change = Omit<Mutation, "file">;

function mutateJson(original: Bytes, random: Random): Change {
  if (random.below(4) === 0) return mutateBytes(original, random);
  const tree = jsonTree(JSON.parse(new TextDecoder().decode(original)));
  const what = mutateTree(tree, random);
  return { what, bytes: new TextEncoder().encode(jsonText(tree)) };
}

function mutateSafetensors(original: Bytes, random: Random): Change {
  const view = new DataView(original.buffer, original.byteOffset);
  const length = Number(view.getBigUint64(0, true));
  const data = original.subarray(8 + length);
  if (random.below(8) === 0) {
    const bytes = original.slice();
    const near = BigInt(Math.max(0, length + random.below(65) - 32));
    const lie = random.below(2) === 0 ? near : pick(LENGTHS, random);
    new DataView(bytes.buffer).setBigUint64(0, lie, true);
    return { what: `header's length ${length} made ${lie}`, bytes };
  }
  if (random.below(8) === 0) {
    const end = random.below(original.length);
    const rest = random.below(2) === 0 ? new Uint8Array() : original.subarray(0, end);
    const bytes = rest.length ? joined(original, rest) : original.slice(0, end);
    return { what: `${original.length} bytes made ${bytes.length}`, bytes };
  }
  const { what, bytes } = mutateJson(original.slice(8, 8 + length), random);
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(bytes.length), true);
  return { what: `header: ${what}`, bytes: joined(prefix, bytes, data) };
}

/** Damages a text without regard to what it says. */
function mutateBytes(original: Bytes, random: Random): Change {
  const at = random.below(original.length);
  const before = original.subarray(0, at);
  switch (random.below(5)) {
    case 0: {
      const bytes = original.slice();
      const bit = random.below(8);
      bytes[at]! ^= 1 << bit;
      return { what: `bit ${bit} of byte ${at} flipped`, bytes };
    }
    case 1:
      return { what: `cut to ${at} bytes`, bytes: before.slice() };
    case 2: {
      const noise = Uint8Array.from({ length: 1 + random.below(8) }, () => random.below(256));
      const rest = original.subarray(at + noise.length);
      return { what: `noise at byte ${at}`, bytes: joined(before, noise, rest) };
    }
    case 3: {
      const count = 1 + random.below(20);
      const rest = original.subarray(at + count);
      return { what: `${count} bytes at ${at} removed`, bytes: joined(before, rest) };
    }
    default: {
      const again = original.subarray(at, at + 1 + random.below(20));
      const rest = original.subarray(at);
      return { what: `bytes at ${at} repeated`, bytes: joined(before, again, rest) };
    }
  }
}

/** Changes one place of a JSON tree, and says how. */
function mutateTree(tree: JsonNode, random: Random): string {
  const places = jsonPlaces(tree);
  const place = pick(places, random);
  const { parent, index, path } = place;
  const entry = parent.entries[index]!;
  switch (random.below(7)) {
    case 0:
      parent.entries.splice(index, 1);
      return `${path} deleted`;
    case 1:
      return renamed(place, random);
    case 2:
      return replaced(place, pick(OTHER_VALUES, random));
    case 3:
      return duplicated(place, random);
    case 4: {
      const other = pick(places, random);
      const target = other.parent.entries[other.index]!;
      // A value inside the other one would make a tree without end.
      if (entry.value.kind !== "text" || target.value.kind !== "text") {
        return replaced(place, JSON.stringify(pick(STRINGS, random)));
      }
      [entry.value, target.value] = [target.value, entry.value];
      return `${path} and ${other.path} swapped`;
    }
    default:
      return replaced(place, otherValue(entry.value, random));
  }
}

/** A value of the same type as `value`. */
function otherValue(value: JsonNode, random: Random): string {
  const parsed: unknown = value.kind === "text" ? JSON.parse(value.text) : value;
  if (typeof parsed === "string") return JSON.stringify(pick(STRINGS, random));
  if (typeof parsed !== "number") return pick(OTHER_VALUES, random);
  switch (random.below(4)) {
    case 0:
      return `${parsed + 1}`;
    case 1:
      return `${-parsed}`;
    case 2:
      return `${parsed * 2}`;
    default:
      return pick(NUMBERS, random);
  }
}

function replaced({ parent, index, path }: JsonPlace, text: string): string {
  parent.entries[index]!.value = { kind: "text", text };
  return `${path} made ${text}`;
}

/** Gives a field another name; an entry of a list, which has none, another value. */
function renamed(place: JsonPlace, random: Random): string {
  const { parent, index, path } = place;
  if (parent.kind === "list") return replaced(place, pick(NUMBERS, random));
  const name = pick([...STRINGS, "x"], random);
  parent.entries[index]!.key = name;
  return `${path} renamed ${JSON.stringify(name)}`;
}

/** Adds the same field or entry once more, with another value. */
function duplicated({ parent, index, path }: JsonPlace, random: Random): string {
  const text = otherValue(parent.entries[index]!.value, random);
  const copy = { ...parent.entries[index]!, value: { kind: "text", text } as const };
  (parent.entries as { value: JsonNode }[]).push(copy);
  return `${path} repeated as ${text}`;
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[random.below(list.length)]!;
}

function joined(...parts: readonly Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let start = 0;
  for (const part of parts) {
    all.set(part, start);
    start += part.length;
  }
  return all;
}
