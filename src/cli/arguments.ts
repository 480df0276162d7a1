/**
 * Parses arguments by a table of options, and writes the help from the same table.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Command, type CommandArguments, type OptionHelp, UsageError } from "./command.ts";

/** Options that every command takes. */
const COMMON: Readonly<Record<string, OptionHelp>> = {
  help: { type: "boolean", short: "h", help: "show this help" },
  debug: { type: "boolean", help: "show where an error comes from" },
};

/** Splits `args` into options and the rest. Throws a {@linkcode UsageError}. */
export function parseArguments(command: Command, args: readonly string[]): CommandArguments {
  const table = Object.entries({ ...command.options, ...COMMON });
  const options = Object.fromEntries(
    table.map(([name, { type, short, multiple = false }]) => [
      name,
      { type, multiple, ...(short ? { short } : {}) },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({
      args: withNegativeNumbers(args, (name) => options[name]?.type === "string"),
      options,
      allowPositionals: true,
    });
    return { values: values as CommandArguments["values"], positionals };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(error.message.split("\n")[0]!.split(". ")[0]!);
  }
}

/** `--name -1` as `--name=-1`: the parser takes whatever begins with a dash for an option. */
function withNegativeNumbers(
  args: readonly string[],
  takesValue: (name: string) => boolean,
): string[] {
  const end = args.indexOf("--");
  const joined: string[] = [];
  for (const [i, arg] of args.entries()) {
    const before = joined.at(-1);
    const isValue = /^-\.?\d/.test(arg) && before?.startsWith("--") && takesValue(before.slice(2));
    if (isValue && (end < 0 || i < end)) joined[joined.length - 1] = `${before}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

/** The help of one command. */
export function commandHelp(name: string, command: Command): string {
  const table = { ...command.options, ...COMMON };
  const rows = Object.entries(table).map(([option, { short, value, help }]) => {
    const flag = `${short ? `-${short}, ` : ""}--${option}${value ? ` ${value}` : ""}`;
    return [flag, help] as const;
  });
  const width = Math.max(...rows.map(([flag]) => flag.length));
  return [
    `${command.summary}.`,
    "",
    `Usage: contrail ${name} ${command.usage}`,
    "",
    ...rows.map(([flag, help]) => `  ${flag.padEnd(width)}  ${help}`),
    "",
    `Example: contrail ${name} ${command.example}`,
  ].join("\n");
}

/** The text that an option was given. */
export function text({ values }: CommandArguments, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

/** All texts that a repeatable option was given. */
export function texts({ values }: CommandArguments, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value : [];
}

/** Whether a switch was given. */
export function flag({ values }: CommandArguments, name: string): boolean {
  return values[name] === true;
}

/** The number that an option was given. Throws a {@linkcode UsageError} for anything else. */
export function number(args: CommandArguments, name: string): number | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const parsed = value.trim() === "" ? NaN : Number(value);
  if (Number.isNaN(parsed)) throw new UsageError(`--${name} is "${value}": pass a number`);
  return parsed;
}

/**
 * The whole number from `low` to `high` that an option was given. Throws a {@linkcode UsageError}.
 */
export function whole(
  args: CommandArguments,
  name: string,
  low: number,
  high = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = number(args, name);
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  const range = high === Number.MAX_SAFE_INTEGER ? `${low} or more` : `from ${low} to ${high}`;
  throw new UsageError(`--${name} is ${value}: pass a whole number, ${range}`);
}

/** The whole numbers that an option was given as a list. Throws a {@linkcode UsageError}. */
export function wholes(args: CommandArguments, name: string): number[] | undefined {
  const list = text(args, name);
  return list?.split(",").map((item) => {
    if (/^\s*\d+\s*$/.test(item)) return Number(item);
    throw new UsageError(`--${name} is "${list}": pass whole numbers such as 1,2,3`);
  });
}

const BYTES_OF: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  ...Object.fromEntries(
    ["k", "m", "g", "t"].flatMap((unit, i) => [
      [`${unit}b`, 1000 ** (i + 1)],
      [`${unit}ib`, 1024 ** (i + 1)],
    ]),
  ),
};

/**
 * The number of bytes that an option was given, such as `4096`, `512MB` or `1.5GiB`. Throws a
 * {@linkcode UsageError}.
 */
export function bytes(args: CommandArguments, name: string): number | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const [, count, unit] = value.match(/^(\d+(?:\.\d+)?) ?(\w*)$/) ?? [];
  const scale = BYTES_OF[unit?.toLowerCase() ?? "none"];
  if (scale !== undefined) return Math.floor(Number(count) * scale);
  throw new UsageError(`--${name} is "${value}": pass bytes such as 4096, 512MB or 2GiB`);
}

/** One of the words that an option allows. Throws a {@linkcode UsageError} for any other. */
export function choice<T extends string>(
  args: CommandArguments,
  name: string,
  allowed: readonly T[],
): T | undefined {
  const value = text(args, name);
  if (value === undefined || allowed.includes(value as T)) return value as T | undefined;
  throw new UsageError(`--${name} is "${value}": pass one of ${allowed.join(", ")}`);
}

/** `entries` without those that are `undefined`. */
export function present<T extends object>(
  entries: { readonly [K in keyof T]: T[K] | undefined },
): T {
  return Object.fromEntries(
    Object.entries(entries).filter(([, value]) => value !== undefined),
  ) as T;
}
