/**
 * Writes to the terminal.
 *
 * @module
 */

const encoder = new TextEncoder();

/** Writes text to standard output, all of it, without a line break. */
export async function write(text: string): Promise<void> {
  let bytes = encoder.encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(await Deno.stdout.write(bytes));
}

/** Bytes in the unit that suits them: `28.3 MB`. */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `12 tokens (345.6 tokens/s)`. */
export function rateText(tokens: number, milliseconds: number): string {
  return `${tokens} ${tokens === 1 ? "token" : "tokens"} (${
    perSecond(tokens, milliseconds).toFixed(1)
  } tokens/s)`;
}

/** Tokens a second; 0 when there was no time. */
export function perSecond(tokens: number, milliseconds: number): number {
  return milliseconds > 0 ? tokens / milliseconds * 1000 : 0;
}
