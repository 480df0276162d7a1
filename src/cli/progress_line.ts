/**
 * A line at the foot of the terminal that says how far something is.
 *
 * @module
 */

const REDRAW_MS = 100;
const CLEAR = "\r\x1b[K";

/** Draws on standard error, if that is a terminal. Disposing it clears the line. */
export class ProgressLine implements Disposable {
  /** Whether there is a terminal to draw on. */
  readonly visible = Deno.stderr.isTerminal();
  #drawn = -Infinity;

  /** Shows a text, at most ten times a second. */
  show(text: string): void {
    const now = performance.now();
    if (!this.visible || now - this.#drawn < REDRAW_MS) return;
    this.#drawn = now;
    write(CLEAR + text.slice(0, columns() - 1));
  }

  /** Prints another line above it. */
  log(line: string): void {
    if (this.visible) write(CLEAR);
    console.error(line);
  }

  [Symbol.dispose](): void {
    if (this.visible) write(CLEAR);
  }
}

function columns(): number {
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80; // Standard output is no terminal.
  }
}

function write(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
