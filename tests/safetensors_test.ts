import { assertEquals, assertThrows } from "@std/assert";
import { readSafetensors } from "../src/checkpoint/safetensors.ts";
import { type HeaderEntry, openFiles, safetensors, withFolder } from "./checkpoints.ts";

const GOLDEN = decodeURIComponent(new URL("golden/", import.meta.url).pathname);

/** Calls `body` with the path of a file of these bytes. */
function withFile(bytes: Uint8Array<ArrayBuffer>, body: (path: string) => void): void {
  const name = "w.safetensors";
  withFolder(new Map([[name, bytes]]), (folder) => body(`${folder}/${name}`));
}

/** The sentence with which a file is refused. It names the file, which is closed again. */
function assertRefused(bytes: Uint8Array<ArrayBuffer>, sentence: string): string {
  let message = "";
  withFile(bytes, (path) => {
    const before = openFiles();
    const error = assertThrows(() => readSafetensors(path), Error, sentence);
    assertEquals(openFiles(), before);
    assertEquals(error.constructor, Error);
    message = error.message;
    assertEquals([message.includes(path), message.includes("\n")], [true, false]);
  });
  return message;
}

const entry = (dtype: string, shape: readonly number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

/** Two tensors, 32 bytes: `a` of F32 [2, 3], `b` of BF16 [4]. */
function twoTensors(): { a: HeaderEntry; b: HeaderEntry } {
  return { a: entry("F32", [2, 3], 0, 24), b: entry("BF16", [4], 24, 32) };
}

/** A header with a field of `b` changed. */
function changed(field: keyof HeaderEntry, value: unknown): unknown {
  const { a, b } = twoTensors();
  return { a, b: { ...b, [field]: value } };
}

Deno.test("readSafetensors() lists names, types, shapes and absolute offsets", () => {
  const text = ` ${JSON.stringify({ __metadata__: { format: "pt" }, ...twoTensors() })}   `;
  withFile(safetensors(text, 32), (path) => {
    const before = openFiles();
    const file = readSafetensors(path);
    assertEquals(openFiles(), before);
    const start = 8 + text.length;
    assertEquals([file.path, file.bytes], [path, start + 32]);
    assertEquals([...file.tensors.values()], [
      { name: "a", dtype: "F32", shape: [2, 3], path, offset: start, bytes: 24 },
      { name: "b", dtype: "BF16", shape: [4], path, offset: start + 24, bytes: 8 },
    ]);
  });
});

Deno.test("readSafetensors() reads golden files, which hold several types", () => {
  const { tensors } = readSafetensors(`${GOLDEN}tiny-2b/expected.safetensors`);
  assertEquals(tensors.get("input_ids")!.dtype, "I32");
  assertEquals(tensors.get("logits")!.shape, [75, 512]);
  for (const folder of ["tiny-2b", "tiny-4b"]) {
    for (const { name } of Deno.readDirSync(GOLDEN + folder)) {
      if (name.endsWith(".safetensors")) readSafetensors(`${GOLDEN}${folder}/${name}`);
    }
  }
});

Deno.test("readSafetensors() takes scalars, empty tensors, any order and other types", () => {
  const header = {
    last: entry("F8_E4M3", [3], 12, 15),
    empty: entry("F32", [0, 7], 4, 4),
    scalar: entry("F32", [], 0, 4),
    nothing: entry("I64", [0], 15, 15),
    bytes: entry("F4", [16], 4, 12),
  };
  withFile(safetensors(header, 15), (path) => {
    const { tensors } = readSafetensors(path);
    assertEquals([...tensors.keys()], Object.keys(header));
    assertEquals(tensors.get("bytes")!.bytes, 8);
  });
  withFile(safetensors({}, 0), (path) => assertEquals(readSafetensors(path).tensors.size, 0));
});

Deno.test("readSafetensors() takes a name like any other when objects inherit it", () => {
  const header = `{"__proto__": ${JSON.stringify(entry("F32", [1], 0, 4))},
    "constructor": ${JSON.stringify(entry("F32", [1], 4, 8))}}`;
  withFile(safetensors(header, 8), (path) => {
    const { tensors } = readSafetensors(path);
    assertEquals([...tensors.keys()], ["__proto__", "constructor"]);
    assertEquals(tensors.get("toString"), undefined);
  });
  const inherited = `{"a": {"__proto__": ${JSON.stringify(entry("F32", [1], 0, 4))}}}`;
  assertRefused(safetensors(inherited, 4), 'tensor "a" has the dtype missing');
});

Deno.test("readSafetensors() refuses a length that is a lie", () => {
  const lie = (length: bigint) => {
    const bytes = safetensors(twoTensors(), 32);
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    return bytes;
  };
  const length = BigInt(safetensors(twoTensors(), 0).length - 8);
  assertRefused(lie(length + 33n), `its header has ${length + 33n} bytes, but in this file`);
  for (const wrong of [2n ** 63n, 2n ** 64n - 1n, 100_000_001n]) {
    assertRefused(lie(wrong), `its header has ${wrong} bytes`);
  }
  for (const wrong of [0n, 1n, length - 1n, length + 1n, length + 32n]) {
    assertRefused(lie(wrong), "it is not JSON (");
  }
  for (const size of [0, 1, 7]) assertRefused(new Uint8Array(size), `its ${size} bytes are no`);
  assertRefused(new Uint8Array(8), "it is not JSON (");
});

Deno.test("readSafetensors() refuses a header that is not a JSON object", () => {
  const invalid = safetensors(twoTensors(), 32);
  invalid[10] = 0xff;
  assertRefused(invalid, "it is not JSON (");
  assertRefused(safetensors("{", 0), "it is not JSON (");
  assertRefused(safetensors('{\n"a":\n\n1', 0), "it is not JSON (");
  for (const [text, kind] of [["[]", "a list of 0"], ["null", "null"], ['"a"', '"a"']] as const) {
    assertRefused(safetensors(text, 0), `its header is ${kind}, not an object`);
  }
  assertRefused(safetensors("[".repeat(1e6), 0), "it is not JSON (");
});

Deno.test("readSafetensors() names the tensor whose entry is wrong", () => {
  const wrong: [keyof HeaderEntry, unknown, string][] = [
    ["dtype", 7, "has the dtype 7, not a string"],
    ["dtype", undefined, "has the dtype missing, not a string"],
    ["dtype", "F32", "has 8 bytes, but F32 of shape [4] has another size"],
    ["shape", "4", 'has a shape that is "4", not a list of sizes'],
    ["shape", [-4], "has a shape that is a list of 1, not"],
    ["shape", [4.5], "has a shape"],
    ["shape", ["4"], "has a shape"],
    ["shape", [null], "has a shape"],
    ["shape", [2 ** 53], "has a shape"],
    ["shape", [5], "has 8 bytes, but BF16 of shape [5] has another size"],
    ["shape", [2 ** 32, 2 ** 32], "has 8 bytes, but BF16 of shape [4294967296, 4294967296]"],
    ["shape", [2 ** 33, 2 ** 31 + 1, 2 ** 33], "has another size"],
    ["shape", Array(200).fill(2 ** 52), "…] has another size"],
    ["shape", [...Array(200).fill(2 ** 52), 0], "has another size"],
    ["data_offsets", 24, "has data_offsets that are 24, not two positions"],
    ["data_offsets", [24], "has data_offsets that are a list of 1"],
    ["data_offsets", [24, 32, 40], "has data_offsets that are a list of 3"],
    ["data_offsets", [-8, 0], "has data_offsets"],
    ["data_offsets", [24, 31.5], "has data_offsets"],
    ["data_offsets", [24, 2 ** 53], "has data_offsets"],
    ["data_offsets", [32, 24], "begins at byte 32, after its end at 24"],
    ["data_offsets", [24, 33], "ends at byte 33 of the data, which has 32"],
    ["data_offsets", [2 ** 52, 2 ** 52 + 8], "ends at byte "],
  ];
  for (const [field, value, sentence] of wrong) {
    const message = assertRefused(safetensors(changed(field, value), 32), sentence);
    assertEquals(message.includes(': tensor "b" '), true);
  }
  for (const value of [null, 3, "F32", []]) {
    assertRefused(safetensors({ ...twoTensors(), b: value }, 32), 'tensor "b" is ');
  }
  const long = `x\n${"y".repeat(300)}`;
  assertRefused(safetensors({ [long]: 3 }, 0), `tensor "x\\n${"y".repeat(58)}…" is 3, not`);
});

Deno.test("readSafetensors() refuses tensors that do not fill the data", () => {
  const { a } = twoTensors();
  assertRefused(safetensors(twoTensors(), 31), 'tensor "b" ends at byte 32');
  assertRefused(safetensors(twoTensors(), 33), "its last 1 bytes belong to no tensor");
  assertRefused(safetensors({ a }, 32), "its last 8 bytes belong to no tensor");
  assertRefused(safetensors({ b: twoTensors().b }, 32), '24 bytes before tensor "b" belong to');
  const overlap = changed("data_offsets", [20, 28]);
  assertRefused(safetensors(overlap, 28), 'tensor "b" overlaps the one before it');
  assertRefused(safetensors({ a, same: a }, 24), "overlaps the one before it");
  const inside = { a, inside: entry("F32", [0], 8, 8) };
  assertRefused(safetensors(inside, 24), 'tensor "inside" overlaps');
});

Deno.test("readSafetensors() refuses what is no file", () => {
  withFolder(new Map(), (folder) => {
    assertThrows(() => readSafetensors(folder), Error, `${folder}: it is not a file`);
    const none = `${folder}/none.safetensors`;
    assertThrows(() => readSafetensors(none), Error, `${none}: there is no such file`);
  });
});
