/**
 * Text to token ids and back, as the model's `tokenizer.json` says.
 *
 * @module
 */
import { Tokenizer as TokenizerLibrary } from "@huggingface/tokenizers";
import { readJson } from "./checkpoint/read_json.ts";

/** The parts of `tokenizer.json` that are read here. */
interface TokenizerFile {
  readonly model: { readonly vocab: Readonly<Record<string, number>> };
  readonly added_tokens: readonly {
    readonly id: number;
    readonly content: string;
    readonly special: boolean;
  }[];
}

/** Libraries that share one vocabulary and differ in what they find in a text. */
interface Encoders {
  /** Finds all added tokens. */
  readonly parsing: TokenizerLibrary;
  /** Takes special tokens for plain text. */
  readonly plain: TokenizerLibrary;
}

/** The byte-level BPE tokenizer of a model. */
export class Tokenizer {
  /** One more than the highest token id. */
  readonly size: number;
  readonly #encoders: Encoders;
  /** Text of every token in the byte alphabet, by id; of an added token as it is. */
  readonly #tokens: readonly (string | undefined)[];
  /** Whether an added token is special, by id. */
  readonly #added: ReadonlyMap<number, boolean>;
  readonly #alphabet = byteAlphabet();

  /**
   * Reads `tokenizer.json` of a model folder. `undefined` when there is none; an `Error` that names
   * the file when it is damaged or not a byte-level BPE tokenizer.
   */
  static load(folder: string): Promise<Tokenizer | undefined> {
    return Promise.try(() => {
      const path = `${folder}/tokenizer.json`;
      const file = readJson(path, { optional: true });
      return file === undefined ? undefined : new Tokenizer(file, path);
    });
  }

  /** Makes a tokenizer of the contents of a `tokenizer.json`; `path` is what errors call it. */
  constructor(contents: unknown, path = "tokenizer.json") {
    const file = tokenizerFile(contents, path);
    this.#encoders = makeEncoders(file, path);
    const tokens: (string | undefined)[] = [];
    for (const [token, id] of Object.entries(file.model.vocab)) tokens[id] = token;
    for (const { id, content } of file.added_tokens) tokens[id] = content;
    this.#tokens = tokens;
    this.#added = new Map(file.added_tokens.map(({ id, special }) => [id, special]));
    this.size = tokens.length;
  }

  /**
   * The token ids of a text. Special tokens such as `<|im_start|>` in the text become their ids, or
   * plain text with `special: false`. With `addSpecial`, the tokens that the file wants around a
   * text are added. A lone surrogate counts as U+FFFD.
   */
  encode(text: string, options: { special?: boolean; addSpecial?: boolean } = {}): number[] {
    const { special = true, addSpecial = false } = options;
    const { parsing, plain } = this.#encoders;
    const encoder = special ? parsing : plain;
    return encoder.encode(text.toWellFormed(), { add_special_tokens: addSpecial }).ids;
  }

  /**
   * The text of token ids. Special tokens are left out unless `special` is true; bytes that are not
   * UTF-8 become U+FFFD. Throws a `RangeError` for an id without a token.
   */
  decode(ids: Iterable<number>, options: { special?: boolean } = {}): string {
    const { special = false } = options;
    const parts: Uint8Array[] = [];
    let length = 0;
    for (const id of ids) {
      const bytes = this.bytes(id);
      if (!special && this.isSpecial(id)) continue;
      parts.push(bytes);
      length += bytes.length;
    }
    const all = new Uint8Array(length);
    let offset = 0;
    for (const bytes of parts) {
      all.set(bytes, offset);
      offset += bytes.length;
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(all);
  }

  /**
   * The bytes that a token stands for, which need not be whole characters; of an added token its
   * text as UTF-8. Throws a `RangeError` for an id without a token.
   */
  bytes(id: number): Uint8Array {
    const token = this.#tokens[id];
    if (token === undefined) {
      throw new RangeError(
        `Token id ${id} has no token: pass ids of this tokenizer, from 0 to ${this.size - 1}`,
      );
    }
    if (this.#added.has(id)) return new TextEncoder().encode(token);
    const bytes = new Uint8Array(token.length);
    for (let i = 0; i < token.length; i++) {
      const byte = this.#alphabet.get(token.charCodeAt(i));
      // A token outside the alphabet stands for its own text.
      if (byte === undefined) return new TextEncoder().encode(token);
      bytes[i] = byte;
    }
    return bytes;
  }

  /**
   * Whether there is a token with this id. A model's vocabulary may be larger than its tokenizer's.
   */
  has(id: number): boolean {
    return this.#tokens[id] !== undefined;
  }

  /** Whether the token stands for no text but marks something, such as the end of a turn. */
  isSpecial(id: number): boolean {
    return this.#added.get(id) ?? false;
  }

  /**
   * The first `count` tokens in the byte alphabet; "" for special ones and ids without a token.
   */
  vocabulary(count: number): string[] {
    return Array.from(
      { length: count },
      (_, id) => this.isSpecial(id) ? "" : this.#tokens[id] ?? "",
    );
  }

  /** Id of a token, written in the byte alphabet as in `tokenizer.json`, or of an added token. */
  id(token: string): number | undefined {
    return this.#encoders.parsing.token_to_id(token);
  }
}

function makeEncoders(file: TokenizerFile, path: string): Encoders {
  try {
    const parsing = new TokenizerLibrary(file, {});
    const plain = new TokenizerLibrary({
      ...file,
      added_tokens: file.added_tokens.filter(({ special }) => !special),
      model: { ...file.model, vocab: {}, merges: [] },
    }, {});
    plain.model = parsing.model;
    return { parsing, plain };
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
}

/**
 * The byte that each UTF-16 code unit of a token stands for. Bytes that are printable in Latin-1
 * stand for themselves, the others are written as U+0100 and up, in order.
 */
function byteAlphabet(): ReadonlyMap<number, number> {
  const alphabet = new Map<number, number>();
  let shifted = 0x100;
  for (let byte = 0; byte < 0x100; byte++) {
    const printable = byte > 0x20 && byte < 0x7f || byte > 0xa0 && byte !== 0xad;
    alphabet.set(printable ? byte : shifted++, byte);
  }
  return alphabet;
}

/** Checks what this module itself reads of the file; the library checks the rest. */
function tokenizerFile(contents: unknown, path: string): TokenizerFile {
  const { model, decoder, added_tokens: added } = record(contents);
  const { type, vocab } = record(model);
  const found = `${type} with decoder ${record(decoder).type}`;
  if (found !== "BPE with decoder ByteLevel") {
    throw new Error(
      `Cannot use ${path}: it is ${found}, not BPE with decoder ByteLevel; use another model`,
    );
  }
  const isId = (id: unknown) => Number.isInteger(id) && id as number >= 0 && id as number < 2 ** 31;
  const vocabulary = Object.entries(record(vocab));
  if (vocabulary.length === 0) throw damaged(path, "its vocabulary is empty");
  for (const [token, id] of vocabulary) {
    if (!isId(id)) throw damaged(path, `token "${token}" has id ${id}`);
  }
  if (!Array.isArray(added)) throw damaged(path, "added_tokens is not a list");
  for (const token of added) {
    const { id, content, special } = record(token);
    if (!isId(id) || typeof content !== "string" || typeof special !== "boolean") {
      throw damaged(path, `an entry of added_tokens is ${JSON.stringify(token)}`);
    }
  }
  return contents as TokenizerFile;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function damaged(path: string, reason: string): Error {
  return new Error(`Cannot use ${path}: ${reason}; download the file again`);
}
