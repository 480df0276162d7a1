/**
 * Text to token ids and back: the bundled model's tokenizer, and the full Qwen2 one where it is.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Random } from "../src/engine/random.ts";
import { Tokenizer } from "../src/tokenizer.ts";

const FABLE = `${import.meta.dirname}/../models/fable`;
const QWEN = `${import.meta.dirname}/../../shared/data/qwen2-tokenizer`;

const ODD_TEXTS = [
  "",
  " ",
  "   \n\n \t x",
  "\r\n\r\n",
  "Grüße, e\u0301 in NFC",
  "我想在apple工作1314151天～",
  "😀👨‍👩‍👧 and 😶‍🌫️",
  "\u0000\u0001\u007f\u0085\u00a0\u00ad",
  "\ufeffstarts with a byte order mark",
  "I'LL we'Ve 'ſ",
  "a".repeat(5000),
];

async function load(folder: string): Promise<Tokenizer> {
  const tokenizer = await Tokenizer.load(folder);
  if (!tokenizer) throw new Error(`${folder} has no tokenizer.json`);
  return tokenizer;
}

async function readJson(path: string) {
  return JSON.parse(await Deno.readTextFile(path));
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

function withFile(contents: string, test: (folder: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/tokenizer.json`, contents);
    await test(folder);
  });
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("encode() and decode() agree with expected.json", async () => {
  const tokenizer = await load(FABLE);
  const { prompts } = await readJson(`${FABLE}/expected.json`);
  assert(prompts.length > 0);
  for (const { prompt, ids, greedy_ids, greedy_text } of prompts) {
    assertEquals(tokenizer.encode(prompt), ids);
    assertEquals(tokenizer.decode(ids, { special: true }), prompt);
    assertEquals(tokenizer.decode(greedy_ids), greedy_text);
  }
});

Deno.test("decode() gives the NFC form of the text that encode() took", async () => {
  const tokenizer = await load(FABLE);
  for (const text of ODD_TEXTS) {
    assertEquals(tokenizer.decode(tokenizer.encode(text)), text.normalize("NFC"));
  }
});

Deno.test("encode() takes a lone surrogate for U+FFFD", async () => {
  const tokenizer = await load(FABLE);
  assertEquals(tokenizer.encode("a\ud83d b"), tokenizer.encode("a\ufffd b"));
  assertEquals(tokenizer.encode("\ude00"), tokenizer.encode("\ufffd"));
});

Deno.test("encode() parses special tokens unless special is false", async () => {
  const tokenizer = await load(FABLE);
  const text = "<|im_start|>user\nHi<|im_end|>\n<|endoftext|>";
  const ids = tokenizer.encode(text);
  assertEquals(ids.filter((id) => id >= 2045), [2046, 2047, 2045]);
  assertEquals(tokenizer.decode(ids), "user\nHi\n");
  assertEquals(tokenizer.decode(ids, { special: true }), text);
  const plain = tokenizer.encode(text, { special: false });
  assert(plain.every((id) => id < 2045));
  assertEquals(tokenizer.decode(plain), text);
  assertEquals(tokenizer.encode("Once upon a time", { special: false }), [
    1484,
    328,
    670,
    258,
    520,
  ]);
});

Deno.test("encode() finds other added tokens also when special is false", () => {
  const tokenizer = new Tokenizer(tinyFile());
  assertEquals(tokenizer.encode("a<end><call>b"), [0, 4, 5, 1]);
  assertThrows(() => tokenizer.bytes(3), RangeError, "Token id 3");
  assertEquals(tokenizer.encode("ab<call>", { special: false }), [2, 5]);
  assertEquals(tokenizer.decode([0, 4, 5, 1]), "a<call>b");
});

Deno.test("id(), isSpecial(), has() and size tell what the vocabulary holds", async () => {
  const tokenizer = await load(FABLE);
  assertEquals(tokenizer.size, 2048);
  assertEquals(tokenizer.id("<|endoftext|>"), 2045);
  assertEquals(tokenizer.id("<|im_end|>"), 2047);
  assertEquals(tokenizer.id("!"), 0);
  assertEquals(tokenizer.id("no such token"), undefined);
  assertEquals(tokenizer.id("__proto__"), undefined);
  const special = Array.from({ length: 2048 }, (_, id) => id).filter((id) =>
    tokenizer.isSpecial(id)
  );
  assertEquals(special, [2045, 2046, 2047]);
  assertEquals([0, 2047, 2048, -1, 0.5].map((id) => tokenizer.has(id)), [
    true,
    true,
    false,
    false,
    false,
  ]);
});

Deno.test("bytes() gives each byte once and of an added token its text", async () => {
  const tokenizer = await load(FABLE);
  const single = new Set<number>();
  for (let id = 0; id < tokenizer.size; id++) {
    const bytes = tokenizer.bytes(id);
    assert(bytes.length > 0);
    if (bytes.length === 1) single.add(bytes[0]!);
  }
  assertEquals(single.size, 256);
  assertEquals(tokenizer.bytes(tokenizer.id("Ġadd")!), new TextEncoder().encode(" add"));
  assertEquals(tokenizer.bytes(2047), new TextEncoder().encode("<|im_end|>"));
  const tiny = new Tokenizer(tinyFile());
  assertEquals(tiny.bytes(6), new TextEncoder().encode("é"));
  assertEquals(tiny.bytes(7), new TextEncoder().encode("語"));
});

Deno.test("bytes() of a text's tokens together are its UTF-8", async () => {
  const tokenizer = await load(FABLE);
  for (const text of ODD_TEXTS) {
    const bytes = tokenizer.encode(text).flatMap((id) => [...tokenizer.bytes(id)]);
    assertEquals(Uint8Array.from(bytes), new TextEncoder().encode(text.normalize("NFC")));
  }
});

Deno.test("decode() is TextDecoder over the bytes when they are not UTF-8", async () => {
  const tokenizer = await load(FABLE);
  const random = new Random(11);
  for (let round = 0; round < 500; round++) {
    const ids = Array.from({ length: 12 }, () => Math.floor(random.next() * 2045));
    const bytes = Uint8Array.from(ids.flatMap((id) => [...tokenizer.bytes(id)]));
    assertEquals(
      tokenizer.decode(ids),
      new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
    );
  }
});

Deno.test("decode() and bytes() refuse ids that have no token", async () => {
  const tokenizer = await load(FABLE);
  for (const id of [-1, 2048, 0.5, NaN]) {
    assertThrows(() => tokenizer.bytes(id), RangeError, `Token id ${id} has no token`);
    assertThrows(() => tokenizer.decode([0, id]), RangeError, `Token id ${id} has no token`);
  }
  assertEquals(tokenizer.decode([]), "");
  assertEquals(tokenizer.decode(Int32Array.of(0, 2047)), "!");
});

Deno.test("Tokenizer.load() gives undefined when there is no tokenizer.json", async () => {
  await withFolder(async (folder) => {
    assertEquals(await Tokenizer.load(folder), undefined);
  });
});

Deno.test("Tokenizer.load() names the file when it is damaged", async () => {
  const tiny = tinyFile();
  const damaged = [
    "",
    '{"model": {',
    "[]",
    "null",
    "{}",
    JSON.stringify({ ...tiny, model: { type: "WordPiece", vocab: { a: 0 } } }),
    JSON.stringify({ ...tiny, model: { ...tiny.model, vocab: {} } }),
    JSON.stringify({ ...tiny, model: { ...tiny.model, vocab: { a: -1 } } }),
    JSON.stringify({ ...tiny, model: { ...tiny.model, merges: undefined } }),
    JSON.stringify({ ...tiny, added_tokens: undefined }),
    JSON.stringify({ ...tiny, added_tokens: [{ id: "4", content: "x", special: true }] }),
    JSON.stringify({ ...tiny, pre_tokenizer: { type: "Unheard" } }),
  ];
  for (const contents of damaged) {
    await withFile(contents, async (folder) => {
      await assertRejects(() => Tokenizer.load(folder), Error, `${folder}/tokenizer.json`);
    });
  }
});

Deno.test({
  name: "encode() agrees with the Qwen2 cases (needs ../shared/data/qwen2-tokenizer)",
  ignore: !await exists(`${QWEN}/tokenizer.json`),
  async fn() {
    const tokenizer = await load(QWEN);
    const cases: { text: string; ids: number[] }[] = await readJson(`${QWEN}/cases.json`);
    assertEquals(cases.length, 47);
    for (const { text, ids } of cases) {
      assertEquals(tokenizer.encode(text), ids);
      assertEquals(tokenizer.decode(ids), text.normalize("NFC"));
    }
    assertEquals(tokenizer.size, 151665);
    const added = Array.from({ length: 22 }, (_, index) => 151643 + index);
    assertEquals(added.filter((id) => !tokenizer.isSpecial(id)), added.slice(14));
    assertEquals(tokenizer.decode([151644, 151657, 151658, 151645]), "<tool_call></tool_call>");
    assertThrows(() => tokenizer.bytes(151665), RangeError);
  },
});

/** A tokenizer of two letters, one merge, two added tokens and one id that no token has. */
function tinyFile() {
  const added = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return {
    added_tokens: [
      { ...added, id: 4, content: "<end>", special: true },
      { ...added, id: 5, content: "<call>", special: false },
      { ...added, id: 6, content: "é", special: false },
    ],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: false },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2, "語": 7 }, merges: ["a b"] },
  };
}
