/**
 * `contrail keys`: the keys that clients of a server have.
 *
 * @module
 */
import {
  type ApiKey,
  createKey,
  readKeys,
  type Scope,
  SCOPES,
  writeKeys,
} from "../server/operation/api_keys.ts";
import { flag, text } from "./arguments.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";

export const keysCommand: Command = {
  summary: "Make, list or remove the keys that clients of a server have",
  usage: "add|list|remove --keys FILE [options] [NAME]",
  options: {
    keys: { type: "string", value: "FILE", help: "the file that a server gets with --keys" },
    scopes: {
      type: "string",
      value: "LIST",
      help: "of infer, sessions, admin: what a new key is for (default infer,sessions)",
    },
    json: { type: "boolean", help: "print JSON" },
  },
  example: "add --keys keys.jsonl alice",
  run: changeKeys,
};

async function changeKeys(args: CommandArguments): Promise<number> {
  const [action, name, ...rest] = args.positionals;
  const path = text(args, "keys");
  if (path === undefined) throw new UsageError("There is no file: name one with --keys");
  if (rest.length > 0) throw new UsageError(`Unknown argument "${rest[0]}": pass one name`);
  if (action === "list" && name === undefined) {
    list(await keysOf(path), flag(args, "json"));
  } else if (action === "add" && name !== undefined) {
    await add(args, path, name);
  } else if (action === "remove" && name !== undefined) {
    await remove(path, name);
  } else {
    throw new UsageError("Pass add NAME, list, or remove NAME");
  }
  return 0;
}

async function add(args: CommandArguments, path: string, name: string): Promise<void> {
  const keys = await readKeys(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  });
  if (keys.some((key) => key.name === name)) {
    throw new Error(`${path} has a key named "${name}": remove it first, or choose another name`);
  }
  const made = newKey(name, scopes(args));
  put(path, [...keys, made.key]);
  if (flag(args, "json")) {
    console.log(JSON.stringify({ name, key: made.text, scopes: made.key.scopes }));
  } else {
    console.error(`The key of "${name}", for ${made.key.scopes.join(", ")}. It is shown only now:`);
    console.log(made.text);
  }
}

async function remove(path: string, name: string): Promise<void> {
  const keys = await keysOf(path);
  const others = keys.filter((key) => key.name !== name);
  if (others.length === keys.length) throw new Error(`${path} has no key named "${name}"`);
  put(path, others);
}

function keysOf(path: string): Promise<ApiKey[]> {
  return whereThere(path, () => readKeys(path));
}

/** Reads a file of keys, or says that there is none. */
export async function whereThere<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`There is no file ${path}: "contrail keys add" makes it`);
  }
}

function put(path: string, keys: readonly ApiKey[]): void {
  try {
    writeKeys(path, keys);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`Cannot write ${path}: there is no such folder; make it first`);
  }
}

function list(keys: readonly ApiKey[], asJson: boolean): void {
  if (asJson) {
    const entries = keys.map(({ name, scopes, created }) => ({ name, scopes, created }));
    return console.log(JSON.stringify(entries, undefined, 2));
  }
  const width = Math.max(0, ...keys.map(({ name }) => name.length));
  for (const { name, scopes, created } of keys) {
    console.log(`${name.padEnd(width)}  ${created.slice(0, 10)}  ${scopes.join(",")}`);
  }
}

function newKey(name: string, scopes: readonly Scope[]): ReturnType<typeof createKey> {
  try {
    return createKey(name, scopes);
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(error.message) : error;
  }
}

function scopes(args: CommandArguments): Scope[] {
  const given = (text(args, "scopes") ?? "infer,sessions").split(",");
  const wrong = given.find((scope) => !SCOPES.includes(scope as Scope));
  if (wrong === undefined) return given as Scope[];
  throw new UsageError(`--scopes has "${wrong}": pass some of ${SCOPES.join(",")}`);
}
