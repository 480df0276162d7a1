/**
 * A line at the foot of the terminal that shows how far long work is.
 *
 * @module
 */
import { bytesText } from "./output.ts";

/** How far the work is, and on what. */
export interface Progress {
  readonly path: string;
  readonly bytes: number;
  readonly totalBytes: number;
}

const REDRAW_MS = 100;
const WIDTH = 24;
const ERASE_LINE = "\r\x1b[K";

/** Draws on standard error, if that is a terminal. Disposing it erases the line. */
export class ProgressBar implements Disposable {
  readonly #visible = Deno.stderr.isTerminal();
  #drawn = -Infinity;

  /** Shows how far it is, at most ten times a second. */
  show({ path, bytes, totalBytes }: Progress): void {
    if (!this.#visible || performance.now() - this.#drawn < REDRAW_MS) return;
    this.#drawn = performance.now();
    const done = Math.floor(bytes / totalBytes * WIDTH);
    const bar = "█".repeat(done) + "░".repeat(WIDTH - done);
    this.#write(
      `${bar} ${Math.floor(bytes / totalBytes * 100)}% of ${bytesText(totalBytes)} ${path}`,
    );
  }

  [Symbol.dispose](): void {
    if (this.#visible) this.#write("");
  }

  #write(text: string): void {
    Deno.stderr.writeSync(new TextEncoder().encode(ERASE_LINE + text));
  }
}
