/**
 * What a command of the command line is.
 *
 * @module
 */

/** One option, as `node:util` parses it and as the help shows it. */
export interface OptionHelp {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in the help, such as `N`. */
  readonly value?: string;
  readonly help: string;
}

/** A command: what its help says and what it does. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows the command's name, such as `[options] PROMPT`. */
  readonly usage: string;
  readonly options: Readonly<Record<string, OptionHelp>>;
  /** A call that works as it stands, without the program's name. */
  readonly example: string;
  /** Runs with the arguments after the command's name. Resolves to the exit status. */
  run(args: CommandArguments): Promise<number>;
}

/** Parsed arguments of a command. */
export interface CommandArguments {
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly positionals: readonly string[];
}

/** The user called the program in a way that it does not understand: exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
