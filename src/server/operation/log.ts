/**
 * What a server tells of itself, as objects for programs to read.
 *
 * @module
 */
import type { Runtime } from "../../runtime.ts";
import type { RequestRecord } from "./record.ts";

/**
 * A line of the log. `event` is `listening`, `ready`, `request`, `failure`, `recording_refused`,
 * `draining`, or `stopped`; the other fields depend on it.
 */
export interface LogEntry {
  /** `error` for what an operator should look at. */
  readonly level: "info" | "error";
  /** What has happened. */
  readonly event: string;
  /** What else there is to tell of it. */
  readonly [field: string]: unknown;
}

/** Writes an entry to standard error, as a line of JSON with the time before it. */
export function writeEntry(entry: LogEntry): void {
  console.error(JSON.stringify({ time: new Date().toISOString(), ...entry }));
}

/** Tells `log` once that the device refuses to record passes; to be called after passes. */
export function refusalTeller(runtime: Runtime, log: (entry: LogEntry) => void): () => void {
  let told = false;
  return () => {
    const { refusal } = runtime.activity.work;
    if (told || refusal === undefined) return;
    told = true;
    log({ level: "error", event: "recording_refused", message: refusal });
  };
}

/** The entry of a request that has ended. Of its text there is nothing, unless `withBody`. */
export function requestEntry(record: RequestRecord, withBody: boolean): LogEntry {
  const { status, end } = record;
  const milliseconds = (time: number | undefined) =>
    time === undefined ? undefined : Math.round((time - record.startedAt) * 10) / 10;
  return {
    level: status >= 500 || end === "failed" ? "error" : "info",
    event: "request",
    method: record.method,
    route: record.route ?? null,
    status,
    ms: milliseconds(performance.now()),
    first_token_ms: milliseconds(record.firstTokenAt),
    prompt_tokens: record.promptTokens,
    cached_tokens: record.cachedTokens,
    generated_tokens: record.generatedTokens,
    session: record.session,
    key: record.key,
    stream: end,
    body: withBody ? record.body : undefined,
  };
}
