/**
 * What a person types: lines that can be edited, and a history of them.
 *
 * @module
 */
import { stdin, stdout } from "node:process";
import { createInterface } from "node:readline";

/** Stands for a line that Ctrl-C dropped. */
export const DROPPED: unique symbol = Symbol("dropped");

/** Reads a line, or pasted lines, after showing a prompt; `undefined` at the end. */
export type ReadLine = (prompt: string) => Promise<string | typeof DROPPED | undefined>;

/** Within this time nobody types a line, so that one that comes was pasted with the one before. */
const PASTE_MS = 30;

/**
 * Reads from the terminal. Ctrl-D is the end, Ctrl-C drops the line; the arrows go through the
 * history.
 */
export function terminalLines(): ReadLine {
  let history: string[] = [];
  return (prompt) => {
    // Only while a line is typed: afterwards Ctrl-C is a signal again.
    const terminal = createInterface({ input: stdin, output: stdout, history, prompt });
    const { promise, resolve } = Promise.withResolvers<string | typeof DROPPED | undefined>();
    const lines: string[] = [];
    let ending: ReturnType<typeof setTimeout> | undefined;
    terminal.on("history", (lines: string[]) => history = [...lines]);
    terminal.on("line", (line) => {
      lines.push(line);
      clearTimeout(ending);
      // What was pasted without a line break at its end can still be edited.
      ending = setTimeout(() => {
        if (terminal.line === "") terminal.close();
      }, PASTE_MS);
    });
    terminal.once("SIGINT", () => {
      resolve(DROPPED);
      terminal.close();
    });
    terminal.once("close", () => {
      clearTimeout(ending);
      resolve(lines.length === 0 ? undefined : lines.join("\n"));
    });
    terminal.prompt();
    return promise;
  };
}

/**
 * Messages of one line each, or of several, of which all but the last end with a backslash.
 * `dropped` is called where Ctrl-C drops what was begun.
 */
export async function* messages(
  read: ReadLine,
  dropped: () => void = () => {},
): AsyncGenerator<string, void, void> {
  let begun = "";
  for (;;) {
    const line = await read(begun === "" ? "> " : "… ");
    if (line === undefined) break;
    if (line === DROPPED) {
      begun = "";
      dropped();
    } else if (line.endsWith("\\")) begun += `${line.slice(0, -1)}\n`;
    else {
      yield begun + line;
      begun = "";
    }
  }
  if (begun !== "") yield begun;
}
