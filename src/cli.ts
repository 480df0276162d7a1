/**
 * The command line.
 *
 * @module
 */
import project from "../deno.json" with { type: "json" };
import { commandHelp, flag, parseArguments } from "./cli/arguments.ts";
import { benchCommand } from "./cli/bench.ts";
import { chatCommand } from "./cli/chat.ts";
import { type Command, UsageError } from "./cli/command.ts";
import { evalCommand } from "./cli/eval.ts";
import { generateCommand } from "./cli/generate.ts";
import { infoCommand } from "./cli/info.ts";
import { keysCommand } from "./cli/keys.ts";
import { pullCommand } from "./cli/pull.ts";
import { quantizeCommand } from "./cli/quantize.ts";
import { serveCommand } from "./cli/serve.ts";

const COMMANDS: Readonly<Record<string, Command>> = {
  generate: generateCommand,
  chat: chatCommand,
  serve: serveCommand,
  keys: keysCommand,
  info: infoCommand,
  pull: pullCommand,
  bench: benchCommand,
  quantize: quantizeCommand,
  eval: evalCommand,
};

/**
 * Runs the command that `args` name. Resolves to the exit status: 0, 1 for a failure, 2 for wrong
 * usage.
 */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--help" || name === "-h" || name === "help") {
    console.log(help());
    return 0;
  }
  if (name === "--version") {
    console.log(`contrail ${project.version}`);
    return 0;
  }
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    console.error(name === undefined ? help() : `contrail: there is no command "${name}"`);
    if (name !== undefined) console.error(`See contrail --help`);
    return 2;
  }
  try {
    const parsed = parseArguments(command, rest);
    if (!flag(parsed, "help")) return await command.run(parsed);
    console.log(commandHelp(name!, command));
    return 0;
  } catch (error) {
    return failed(name!, error, rest.includes("--debug"));
  }
}

/** Tells the user what went wrong. Returns the exit status. */
function failed(name: string, error: unknown, debug: boolean): number {
  // Who reads the output has read enough, as in `contrail generate ... | head -1`.
  if (error instanceof Deno.errors.BrokenPipe) return 0;
  console.error(`contrail ${name}: ${error instanceof Error ? error.message : error}`);
  if (debug) console.error(error);
  if (!(error instanceof UsageError)) return 1;
  console.error(`See contrail ${name} --help`);
  return 2;
}

function help(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  return [
    "Inference for Jet-Nemotron.",
    "",
    "Usage: contrail COMMAND [options]",
    "",
    ...Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    'Example: contrail generate "Once upon a time"',
    "See contrail COMMAND --help for a command's options; contrail --version tells the version.",
  ].join("\n");
}

if (import.meta.main) Deno.exit(await main(Deno.args));
