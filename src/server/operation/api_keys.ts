/**
 * API keys: what a client proves who it is with. A server keeps their hashes only.
 *
 * @module
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { writeFileAtomically } from "../../store/write_file.ts";

/**
 * What a key may be used for: `infer` for all that leaves nothing behind, `sessions` for sessions
 * with a name, `admin` for what tells of the server itself.
 */
export const SCOPES = ["infer", "sessions", "admin"] as const;

export type Scope = typeof SCOPES[number];

/** Random bytes of a key: so many cannot be guessed, so their hash needs no salt. */
const KEY_BYTES = 32;
const PREFIX = "ct-";

const apiKey = z.strictObject({
  name: z.string().regex(/^[\w.@-]{1,64}$/, { error: "pass 1 to 64 letters, digits and . _ @ -" }),
  /** SHA-256 of the key, in hexadecimal digits. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, { error: "pass 64 hexadecimal digits" }),
  scopes: z.array(z.enum(SCOPES)).min(1),
  created: z.iso.datetime(),
});

/** A key without what must stay secret. */
export type ApiKey = z.infer<typeof apiKey>;

/** Makes a key. Its text is nowhere else. */
export function createKey(
  name: string,
  scopes: readonly Scope[],
): { text: string; key: ApiKey } {
  const text = PREFIX + randomBytes(KEY_BYTES).toString("base64url");
  const key = {
    name,
    sha256: hash(text).toString("hex"),
    scopes: [...new Set(scopes)],
    created: new Date().toISOString(),
  };
  const parsed = apiKey.safeParse(key);
  if (parsed.success) return { text, key: parsed.data };
  throw new TypeError(`The name is "${name}": ${parsed.error.issues[0]!.message}`);
}

/** The key among `keys` whose text this is. Takes as long whether it is there or not. */
export function findKey(keys: readonly ApiKey[], text: string): ApiKey | undefined {
  const given = hash(text);
  return keys.filter(({ sha256 }) => timingSafeEqual(Buffer.from(sha256, "hex"), given))[0];
}

/**
 * The keys of a file, one JSON object a line. Throws an `Error` that names the file or a wrong
 * line, or a `Deno.errors.NotFound`.
 */
export async function readKeys(path: string): Promise<ApiKey[]> {
  const text = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) throw error;
    throw new Error(`Cannot read the keys in ${path}: ${error.message}`, { cause: error });
  });
  const lines = text.split("\n");
  const keys = lines.flatMap((line, i) =>
    line.trim() === "" ? [] : [parse(line, `${path}:${i + 1}`)]
  );
  const twice = keys.find(({ name }, i) => keys.findIndex((key) => key.name === name) < i);
  if (!twice) return keys;
  throw new Error(`${path} has two keys named "${twice.name}": remove one`);
}

/** Puts `keys` in the place of a file's; no other user of the machine may read it. */
export function writeKeys(path: string, keys: readonly ApiKey[]): void {
  const text = keys.map((key) => `${JSON.stringify(key)}\n`).join("");
  writeFileAtomically(path, new TextEncoder().encode(text), 0o600);
}

function parse(line: string, where: string): ApiKey {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Error(`${where} is not JSON: write it with "contrail keys add"`);
  }
  const parsed = apiKey.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new Error(`${where} is no key: ${path.length > 0 ? `${path.join(".")}: ` : ""}${message}`);
}

function hash(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
