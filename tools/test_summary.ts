/**
 * Reads the summary that `deno test` ends with.
 *
 * @module
 */

/** Counts of a test run. */
export interface TestSummary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(.*)$/;

/** The summary in a line of output, or `undefined` for any other line. */
export function parseSummary(line: string): TestSummary | undefined {
  // deno-lint-ignore no-control-regex
  const match = line.replaceAll(/\x1b\[[\d;]*m/g, "").trimEnd().match(SUMMARY);
  if (!match) return undefined;
  const skipped = match[3]?.match(/\| (\d+) ignored/)?.[1] ?? 0;
  return { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(skipped) };
}

/** One line, such as "12 passed, 0 failed, 1 skipped". */
export function formatSummary({ passed, failed, skipped }: TestSummary): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Passes `output` on through `write`, and resolves to the last summary in it. */
export async function findSummary(
  output: ReadableStream<Uint8Array<ArrayBuffer>>,
  write: (chunk: Uint8Array) => void,
): Promise<TestSummary | undefined> {
  const decoder = new TextDecoder();
  let summary: TestSummary | undefined;
  let rest = "";
  for await (const chunk of output) {
    write(chunk);
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) summary = parseSummary(line) ?? summary;
  }
  return parseSummary(rest) ?? summary;
}
