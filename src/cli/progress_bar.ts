/**
 * A line at the foot of the terminal that shows how much of something is done.
 *
 * @module
 */
import type { Progress } from "../hub.ts";
import { bytesText } from "./output.ts";
import { ProgressLine } from "./progress_line.ts";

const CELLS = 20;

/** A bar for a share of 0 to 1: `████░░░░  45%`. */
export function barText(share: number): string {
  const full = Math.floor(share * CELLS);
  const bar = "█".repeat(full) + "░".repeat(CELLS - full);
  return `${bar} ${`${Math.floor(share * 100)}%`.padStart(4)}`;
}

/**
 * Shows how far a download is, on standard error, if that is a terminal. Disposing it clears the
 * line.
 */
export class ProgressBar implements Disposable {
  readonly #line = new ProgressLine();
  #start: { time: number; bytes: number } | undefined;

  /** Shows how far it is, at most ten times a second. */
  show(progress: Progress): void {
    const now = performance.now();
    this.#start ??= { time: now, bytes: progress.bytes };
    const seconds = (now - this.#start.time) / 1000;
    const speed = seconds > 0 ? (progress.bytes - this.#start.bytes) / seconds : 0;
    this.#line.show(progressText(progress, speed));
  }

  /** Prints a line above the bar. */
  log(line: string): void {
    this.#line.log(line);
  }

  [Symbol.dispose](): void {
    this.#line[Symbol.dispose]();
  }
}

/** `████░░░░ 45% of 3.1 GB, 35.1 MB/s, model.safetensors`, with `speed` in bytes a second. */
export function progressText({ path, bytes, totalBytes }: Progress, speed: number): string {
  const share = totalBytes > 0 ? bytes / totalBytes : 1;
  const rate = `${bytesText(Math.round(speed))}/s`;
  return `${barText(share)} of ${bytesText(totalBytes)}, ${rate}, ${path}`;
}
