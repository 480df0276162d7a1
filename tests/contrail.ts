/**
 * The command line, in the process of the test.
 *
 * @module
 */
import { main } from "../src/cli.ts";

/** Runs a command. Returns its status and what it printed. */
export async function contrail(args: readonly string[]) {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const { log, error } = console;
  console.log = (text: string) => stdout.push(text);
  console.error = (text: string) => stderr.push(text);
  try {
    const code = await main(args);
    return { code, stdout: stdout.join("\n"), stderr: stderr.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}
