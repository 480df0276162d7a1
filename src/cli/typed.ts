/**
 * What a person types: lines that can be edited, and a history of them.
 *
 * @module
 */
import { stdin, stdout } from "node:process";
import { createInterface } from "node:readline";

/** Reads a line after showing a prompt; `undefined` at the end. */
export type ReadLine = (prompt: string) => Promise<string | undefined>;

/** Reads from the terminal. Ctrl-C and Ctrl-D are the end; the arrows go through the history. */
export function terminalLines(): ReadLine {
  let history: string[] = [];
  return (prompt) => {
    // Only while a line is typed: afterwards Ctrl-C is a signal again.
    const terminal = createInterface({ input: stdin, output: stdout, history });
    terminal.on("history", (lines: string[]) => history = [...lines]);
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    terminal.once("close", () => resolve(undefined));
    terminal.once("SIGINT", () => terminal.close());
    terminal.question(prompt, (line) => {
      resolve(line);
      terminal.close();
    });
    return promise;
  };
}

/** Messages of one line each, or of several, of which all but the last end with a backslash. */
export async function* messages(read: ReadLine): AsyncGenerator<string, void, void> {
  let begun = "";
  for (;;) {
    const line = await read(begun === "" ? "> " : "… ");
    if (line === undefined) break;
    if (line.endsWith("\\")) {
      begun += `${line.slice(0, -1)}\n`;
      continue;
    }
    yield begun + line;
    begun = "";
  }
  if (begun !== "") yield begun;
}
