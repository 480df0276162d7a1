import { assert, assertEquals, assertThrows } from "@std/assert";
import { Checkpoint } from "../src/checkpoint/checkpoint.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import { parseConfig } from "../src/config.ts";
import { tensorShapes } from "../src/model/tensor_shapes.ts";
import { ELEMENT_BYTES } from "../src/ops.ts";
import { type Files, json, openFiles, safetensors, smallModel, withFolder } from "./checkpoints.ts";

const GOLDEN = decodeURIComponent(new URL("golden/", import.meta.url).pathname);
const FABLE = decodeURIComponent(new URL("../models/fable", import.meta.url).pathname);
const INDEX = "model.safetensors.index.json";
const SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;

/** Asserts that the folder is refused with one sentence that names it. */
function assertRefused(folder: string, sentence: string): void {
  const before = openFiles();
  const error = assertThrows(() => Checkpoint.open(folder), Error, sentence);
  assertEquals(openFiles(), before);
  assertEquals(error.constructor, Error);
  assertEquals([error.message.includes(folder), error.message.includes("\n")], [true, false]);
}

/** The small sharded model with some files replaced, or removed where `undefined`. */
function withChanged(
  changes: Readonly<Record<string, Uint8Array<ArrayBuffer> | undefined>>,
  body: (folder: string) => void,
): void {
  const files = new Map(smallModel({ sharded: true }));
  for (const [name, bytes] of Object.entries(changes)) {
    if (bytes) files.set(name, bytes);
    else files.delete(name);
  }
  withFolder(files, body);
}

/** An index that says that each of `names` is in `file`. */
function index(names: readonly string[], file: unknown): Uint8Array<ArrayBuffer> {
  return json({ weight_map: Object.fromEntries(names.map((name) => [name, file])) });
}

const one = { dtype: "F32", shape: [1], data_offsets: [0, 4] };

Deno.test("Checkpoint has every tensor of the models that come with the project", () => {
  const types = [[`${GOLDEN}tiny-2b`, "bf16"], [`${GOLDEN}tiny-4b`, "f32"], [FABLE, "bf16"]];
  for (const [folder, wanted] of types as [string, "bf16" | "f32"][]) {
    const path = `${folder}/config.json`;
    const shapes = tensorShapes(parseConfig(readJson(path), path));
    const checkpoint = Checkpoint.open(folder);
    assertEquals(checkpoint.folder, folder);
    assertEquals([...checkpoint.tensors.keys()].sort(), [...shapes.keys()].sort());
    for (const [name, shape] of shapes) {
      const { type, offset, bytes, path } = checkpoint.entry(name, shape);
      assertEquals(type, wanted);
      assertEquals(bytes, ELEMENT_BYTES[type] * shape.reduce((a, b) => a * b, 1));
      assert(offset + bytes <= Deno.statSync(path).size);
    }
  }
});

Deno.test("Checkpoint.open() prefers one file to an index", () => {
  const files = new Map([...smallModel({ sharded: true }), ...smallModel()]);
  withFolder(files, (folder) => {
    const paths = [...Checkpoint.open(folder).tensors.values()].map(({ path }) => path);
    assertEquals([...new Set(paths)], [`${folder}/model.safetensors`]);
  });
  withFolder(smallModel({ sharded: true }), (folder) => {
    const paths = [...Checkpoint.open(folder).tensors.values()].map(({ path }) => path);
    assertEquals([...new Set(paths)], SHARDS.map((name) => `${folder}/${name}`));
  });
});

Deno.test("Checkpoint.open() says what is missing when a folder holds no weights", () => {
  withFolder(new Map(), (folder) => {
    assertRefused(folder, "it has neither model.safetensors nor model.safetensors.index.json");
    const none = `${folder}/none`;
    assertRefused(none, `Cannot use ${none}: it has neither`);
  });
});

Deno.test("Checkpoint.open() refuses files that the index may not name", () => {
  const names = ["../a.safetensors", "/etc/a.safetensors", "sub/a.safetensors", "..", ".", ""];
  names.push("a\\b.safetensors", "a\0.safetensors", "model.bin", "config.json", ".safetensors");
  for (const name of [...names, 7, null, true, [], {}, undefined]) {
    const map = json({ weight_map: { a: SHARDS[0], b: name ?? null } });
    withChanged({ [INDEX]: map, [SHARDS[0]]: safetensors({ a: one }, 4) }, (folder) => {
      assertRefused(folder, "files must be .safetensors files in the same folder");
    });
  }
});

Deno.test("Checkpoint.open() refuses an index that is damaged", () => {
  const damaged: [Uint8Array<ArrayBuffer>, string][] = [
    [new TextEncoder().encode("{"), "it is not JSON ("],
    [json([]), "its content is a list of 0; it must be an object"],
    [json({}), "weight_map is missing; it must be an object"],
    [json({ weight_map: [] }), "weight_map is a list of 0; it must be an object"],
    [json({ weight_map: "a" }), 'weight_map is "a"; it must be an object'],
  ];
  for (const [bytes, sentence] of damaged) {
    withChanged({ [INDEX]: bytes }, (folder) => assertRefused(folder, `${INDEX}: ${sentence}`));
  }
});

Deno.test("Checkpoint.open() refuses files that disagree with the index", () => {
  withChanged({ [SHARDS[1]]: undefined }, (folder) => {
    assertRefused(
      folder,
      `it names the file "${SHARDS[1]}"; download it to ${folder}/${SHARDS[1]}`,
    );
  });
  const shards = { [SHARDS[0]]: safetensors({ a: one }, 4), [SHARDS[1]]: safetensors({}, 0) };
  withChanged({ ...shards, [INDEX]: index(["a", "b"], SHARDS[0]) }, (folder) => {
    assertRefused(
      folder,
      `it says that ${folder}/${SHARDS[0]} has the tensor "b", which it has not`,
    );
  });
  const swapped = json({ weight_map: { a: SHARDS[1] } });
  withChanged({ ...shards, [INDEX]: swapped }, (folder) => {
    assertRefused(
      folder,
      `it says that ${folder}/${SHARDS[1]} has the tensor "a", which it has not`,
    );
  });
  const both = json({ weight_map: { a: SHARDS[0], b: SHARDS[1] } });
  const twice = safetensors({ a: one, b: { ...one, data_offsets: [4, 8] } }, 8);
  withChanged({ ...shards, [SHARDS[1]]: twice, [INDEX]: both }, (folder) => {
    assertRefused(folder, `tensor "a" is also in ${folder}/${SHARDS[0]}`);
  });
  const cut = smallModel({ sharded: true }).get(SHARDS[1])!;
  withChanged({ [SHARDS[1]]: cut.subarray(0, -1) }, (folder) => assertRefused(folder, SHARDS[1]));
});

Deno.test("Checkpoint.open() follows links inside the folder and refuses those out of it", () => {
  const files: Files = new Map([["weights.safetensors", safetensors({ a: one }, 4)]]);
  withFolder(files, (outside) => {
    withFolder(new Map([...files, [INDEX, index(["a"], "link.safetensors")]]), (folder) => {
      const link = `${folder}/link.safetensors`;
      Deno.symlinkSync("weights.safetensors", link);
      assertEquals(Checkpoint.open(folder).entry("a", [1]).path, link);
      Deno.removeSync(link);
      Deno.symlinkSync(`${outside}/weights.safetensors`, link);
      assertRefused(folder, 'the file "link.safetensors"; it is a link out of the folder');
      Deno.removeSync(link);
      Deno.symlinkSync("nowhere", link);
      assertRefused(folder, "download it to ");
    });
  });
});

Deno.test("Checkpoint.open() takes a folder that is itself a link", () => {
  withFolder(smallModel({ sharded: true }), (folder) => {
    withFolder(new Map(), (other) => {
      Deno.symlinkSync(folder, `${other}/model`);
      assertEquals(Checkpoint.open(`${other}/model`).folder, `${other}/model`);
    });
  });
});

Deno.test("entry() names file and tensor when it is not what the model needs", () => {
  const header = {
    ok: { dtype: "F16", shape: [2, 1], data_offsets: [0, 4] },
    ids: { dtype: "I32", shape: [1], data_offsets: [4, 8] },
    odd: { dtype: "constructor", shape: [1], data_offsets: [8, 12] },
  };
  withFolder(new Map([["model.safetensors", safetensors(header, 12)]]), (folder) => {
    const checkpoint = Checkpoint.open(folder);
    const path = `${folder}/model.safetensors`;
    const { offset } = checkpoint.tensors.get("ok")!;
    const ok = { name: "ok", dtype: "F16", type: "f16" as const, shape: [2, 1], path, offset };
    assertEquals(checkpoint.entry("ok", [2, 1]), { ...ok, bytes: 4 });
    const refuses = (name: string, shape: number[], sentence: string) =>
      assertThrows(() => checkpoint.entry(name, shape), Error, sentence);
    refuses("no", [1], `${folder}: its weight files have no tensor "no"; use config.json and`);
    refuses("toString", [1], 'no tensor "toString"');
    for (const shape of [[1, 2], [2], [2, 1, 1], []]) {
      const wanted = `has the shape [2, 1], and the model needs [${shape.join(", ")}]`;
      refuses("ok", shape, `Cannot use ${path}: tensor "ok" ${wanted}`);
    }
    refuses("ids", [1], `${path}: tensor "ids" has elements of type "I32"; use weights in F32`);
    refuses("odd", [1], 'tensor "odd" has elements of type "constructor"');
  });
});

Deno.test("readJson() reads a file, or says why it cannot", () => {
  const deep = "[".repeat(200_000) + "]".repeat(200_000);
  const texts = { "a.json": '{"b": 1}', "bom.json": '\ufeff{"b": 2}', "bad.json": "{\n\n" };
  const all = { ...texts, "empty.json": "", "deep.json": deep };
  const encoder = new TextEncoder();
  const files = Object.entries(all).map(([name, text]) => [name, encoder.encode(text)] as const);
  const invalid = ["invalid.json", Uint8Array.of(0x22, 0xc3, 0x22)] as const;
  withFolder(new Map([...files, invalid]), (folder) => {
    const before = openFiles();
    assertEquals(readJson(`${folder}/a.json`), { b: 1 });
    assertEquals(readJson(`${folder}/bom.json`), { b: 2 });
    assert(Array.isArray(readJson(`${folder}/deep.json`)));
    assertEquals(readJson(`${folder}/none.json`, { optional: true }), undefined);
    const refuses = (name: string, sentence: string, options = {}) => {
      const path = `${folder}/${name}`;
      assertThrows(() => readJson(path, options), Error, `${path}: ${sentence}`);
    };
    refuses("none.json", "there is no such file; pass a folder that has it");
    refuses("a.json", "it has 8 bytes, which is over the limit of 7; ", { maxBytes: 7 });
    for (const name of ["bad.json", "empty.json", "invalid.json"]) {
      refuses(name, "it is not JSON (", { optional: true });
    }
    refuses(".", "it is not a file; ", { optional: true });
    refuses("a.json/b", "Not a directory");
    assertEquals(openFiles(), before);
  });
});
