/**
 * Text of token streams: against the whole text at once, for random tokens, texts and stop texts.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Detokenizer } from "../src/detokenizer.ts";
import { Random } from "../src/engine/random.ts";
import { Tokenizer } from "../src/tokenizer.ts";

const FABLE = `${import.meta.dirname}/../models/fable`;
const END = 2047;

async function loadFable(): Promise<Tokenizer> {
  const tokenizer = await Tokenizer.load(FABLE);
  if (!tokenizer) throw new Error(`${FABLE} has no tokenizer.json`);
  return tokenizer;
}

/** Ids of the tokens that stand for one byte, by byte. */
function byteIds(tokenizer: Tokenizer): number[] {
  const ids: number[] = [];
  for (let id = 0; id < tokenizer.size; id++) {
    const bytes = tokenizer.bytes(id);
    if (bytes.length === 1) ids[bytes[0]!] = id;
  }
  return ids;
}

/** What each token gives, and the rest at the end. */
function stream(tokenizer: Tokenizer, ids: readonly number[], stop: readonly string[] = []) {
  const detokenizer = new Detokenizer(tokenizer, stop);
  const pieces = ids.map((id) => detokenizer.push(id));
  return [...pieces, detokenizer.flush()];
}

/** `text` up to the stop text that is complete first, found one character at a time. */
function cut(text: string, stop: readonly string[]): string {
  for (let end = 0; end <= text.length; end++) {
    const complete = stop.filter((each) => text.slice(0, end).endsWith(each));
    if (complete.length > 0) return text.slice(0, end - Math.max(...complete.map((s) => s.length)));
  }
  return text;
}

/** `text` in tokens of one byte each. */
function bytewise(tokenizer: Tokenizer, text: string): number[] {
  const ids = byteIds(tokenizer);
  return [...new TextEncoder().encode(text)].map((byte) => ids[byte]!);
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random.next() * list.length)]!;
}

Deno.test("push() and flush() give the text of random tokens", async () => {
  const tokenizer = await loadFable();
  const single = byteIds(tokenizer);
  const random = new Random(1);
  for (let round = 0; round < 1000; round++) {
    const ids = Array.from(
      { length: 1 + Math.floor(random.next() * 24) },
      () => random.next() < 0.5 ? pick(random, single) : Math.floor(random.next() * tokenizer.size),
    );
    const pieces = stream(tokenizer, ids);
    assertEquals(pieces.join(""), tokenizer.decode(ids), `ids ${ids}`);
    for (const piece of pieces) assert(piece.isWellFormed(), `ids ${ids}`);
  }
});

Deno.test("push() never gives half a character of a text in any split", async () => {
  const tokenizer = await loadFable();
  const random = new Random(2);
  const characters = [..."aé€😀漢\u0000\ufffd\ufeff\u00a0\n🧑‍🚀"];
  for (let round = 0; round < 300; round++) {
    const text = Array.from({ length: 10 }, () => pick(random, characters)).join("");
    const pieces = stream(tokenizer, bytewise(tokenizer, text));
    assertEquals(pieces.join(""), text);
    assertEquals(pieces.filter((piece) => piece !== ""), [...text]);
  }
});

Deno.test("push() stops at random stop texts as the whole text does", async () => {
  const tokenizer = await loadFable();
  const random = new Random(3);
  const word = (letters: string[], length: number) =>
    Array.from({ length: 1 + Math.floor(random.next() * length) }, () => pick(random, letters))
      .join("");
  for (let round = 0; round < 2000; round++) {
    const letters = round % 2 ? ["a", "b"] : ["a", "é", "😀"];
    const stop = Array.from({ length: 1 + Math.floor(random.next() * 3) }, () => word(letters, 4));
    const text = word(letters, 20);
    const ids = round % 3 ? bytewise(tokenizer, text) : tokenizer.encode(text);
    const detokenizer = new Detokenizer(tokenizer, stop);
    let given = "";
    for (const id of ids) {
      given += detokenizer.push(id);
      assert(given.isWellFormed());
      assert(cut(text, stop).startsWith(given), `"${given}" of "${text}", stop ${stop}`);
    }
    given += detokenizer.flush();
    assertEquals(given, cut(text, stop), `"${text}", stop ${stop}`);
    assertEquals(detokenizer.stopped, stop.some((each) => text.includes(each)));
  }
});

Deno.test("push() holds back only what may begin a stop text", async () => {
  const tokenizer = await loadFable();
  const pieces = stream(tokenizer, bytewise(tokenizer, "xENxEND!"), ["END"]);
  assertEquals(pieces, ["x", "", "", "ENx", "", "", "", "", ""]);
  assertEquals(stream(tokenizer, bytewise(tokenizer, "aEN"), ["END"]), ["a", "", "", "EN"]);
});

Deno.test("push() goes back to an earlier start when a stop text fails late", async () => {
  const tokenizer = await loadFable();
  assertEquals(stream(tokenizer, bytewise(tokenizer, "aabab!"), ["abab"]).join(""), "a");
  assertEquals(stream(tokenizer, bytewise(tokenizer, "ababac"), ["abac"]).join(""), "ab");
});

Deno.test("push() takes the stop text that is complete first, wherever tokens end", async () => {
  const tokenizer = await loadFable();
  for (const ids of [bytewise(tokenizer, "the king"), tokenizer.encode("the king")]) {
    assertEquals(stream(tokenizer, ids, ["e king", "ki"]).join(""), "the ");
    assertEquals(stream(tokenizer, ids, ["ng", "king"]).join(""), "the ");
    assertEquals(stream(tokenizer, ids, ["king", "ng"]).join(""), "the ");
  }
});

Deno.test("push() gives nothing once it has stopped", async () => {
  const tokenizer = await loadFable();
  const detokenizer = new Detokenizer(tokenizer, ["."]);
  assertEquals(tokenizer.encode("One. Two").map((id) => detokenizer.push(id)).join(""), "One");
  assertEquals(detokenizer.stopped, true);
  assertEquals(detokenizer.push(tokenizer.encode("x")[0]!), "");
  assertEquals(detokenizer.flush(), "");
});

Deno.test("push() gives no text for special tokens and ids without a token", async () => {
  const tokenizer = await loadFable();
  const [first, ...rest] = bytewise(tokenizer, "é😀");
  const ids = [first!, END, 5000, -1, ...rest, END];
  assertEquals(stream(tokenizer, ids).join(""), "é😀");
  assertEquals(stream(tokenizer, [END], ["<|im_end|>"]), ["", ""]);
});

Deno.test("push() gives U+FFFD for bytes that are not UTF-8", async () => {
  const tokenizer = await loadFable();
  const ids = byteIds(tokenizer);
  const of = (...bytes: number[]) => stream(tokenizer, bytes.map((byte) => ids[byte]!));
  assertEquals(of(0xff, 0x41), ["\ufffd", "A", ""]);
  assertEquals(of(0xe2, 0x82, 0x41), ["", "", "\ufffdA", ""]);
  assertEquals(of(0xf0, 0x9f, 0xf0, 0x9f, 0x98, 0x80), ["", "", "\ufffd", "", "", "😀", ""]);
  assertEquals(of(0xed, 0xa0, 0x80).join(""), "\ufffd\ufffd\ufffd");
});

Deno.test("flush() gives U+FFFD for half a character, which may complete a stop", async () => {
  const tokenizer = await loadFable();
  const ids = byteIds(tokenizer);
  const tail = [0x41, 0xf0, 0x9f, 0x98].map((byte) => ids[byte]!);
  assertEquals(stream(tokenizer, tail), ["A", "", "", "", "\ufffd"]);
  const detokenizer = new Detokenizer(tokenizer, ["\ufffd"]);
  for (const id of tail) detokenizer.push(id);
  assertEquals(detokenizer.flush(), "");
  assertEquals(detokenizer.stopped, true);
});

Deno.test("Detokenizer() refuses stop texts that are empty or half a character", async () => {
  const tokenizer = await loadFable();
  assertThrows(() => new Detokenizer(tokenizer, ["a", ""]), TypeError, "empty");
  assertThrows(() => new Detokenizer(tokenizer, ["\ud83d"]), TypeError, "surrogate");
});
