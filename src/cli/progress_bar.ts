/**
 * A line at the foot of the terminal that shows how far a download is.
 *
 * @module
 */
import type { Progress } from "../hub.ts";
import { bytesText } from "./output.ts";

const REDRAW_MS = 100;
const CELLS = 20;
const CLEAR = "\r\x1b[K";

/** Draws on standard error, if that is a terminal. Disposing it clears the line. */
export class ProgressBar implements Disposable {
  readonly #visible = Deno.stderr.isTerminal();
  #start: { time: number; bytes: number } | undefined;
  #drawn = -Infinity;

  /** Shows how far it is, at most ten times a second. */
  show(progress: Progress): void {
    const now = performance.now();
    this.#start ??= { time: now, bytes: progress.bytes };
    if (!this.#visible || now - this.#drawn < REDRAW_MS) return;
    this.#drawn = now;
    const seconds = (now - this.#start.time) / 1000;
    const speed = seconds > 0 ? (progress.bytes - this.#start.bytes) / seconds : 0;
    write(CLEAR + progressText(progress, speed).slice(0, columns() - 1));
  }

  /** Prints a line above the bar. */
  log(line: string): void {
    if (this.#visible) write(CLEAR);
    console.error(line);
  }

  [Symbol.dispose](): void {
    if (this.#visible) write(CLEAR);
  }
}

/** `████░░░░ 45% of 3.1 GB, 35.1 MB/s, model.safetensors`, with `speed` in bytes a second. */
export function progressText({ path, bytes, totalBytes }: Progress, speed: number): string {
  const share = totalBytes > 0 ? bytes / totalBytes : 1;
  const full = Math.floor(share * CELLS);
  const bar = "█".repeat(full) + "░".repeat(CELLS - full);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return `${bar} ${percent} of ${bytesText(totalBytes)}, ${
    bytesText(Math.round(speed))
  }/s, ${path}`;
}

function columns(): number {
  try {
    return Deno.consoleSize().columns;
  } catch {
    return 80; // Standard output is no terminal.
  }
}

function write(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
