/**
 * What is known of a request, for the log and the metrics.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Reuse } from "../../options.ts";
import type { ServerMetrics } from "./metrics.ts";
import { type StreamEnd, watchedStream } from "./idle.ts";
import { RequestSpans } from "./spans.ts";

/** What a request has come to so far. */
export class RequestRecord {
  readonly method: string;
  readonly startedAt: number = performance.now();
  readonly spans = new RequestSpans();
  /** The path of its route, such as `/v1/sessions/{id}`; `undefined` where there is none. */
  route: string | undefined;
  /** Of the answer; 0 before there is one. */
  status = 0;
  /** How the answer ended, when it was a stream. */
  end: StreamEnd | undefined;
  /** Names of the key and the session. */
  key: string | undefined;
  session: string | undefined;
  /** What was asked, as it came. */
  body: unknown;
  firstTokenAt: number | undefined;
  promptTokens = 0;
  cachedTokens = 0;
  generatedTokens = 0;

  readonly #metrics: ServerMetrics;
  /** When each choice had its last token. */
  readonly #tokenAt = new Map<number, number>();

  constructor(method: string, metrics: ServerMetrics) {
    this.method = method;
    this.#metrics = metrics;
    metrics.began();
  }

  /** Notes that so many tokens have been appended, of which some were not computed. */
  appended(tokens: number, reuse: Reuse): void {
    this.promptTokens += tokens;
    this.cachedTokens += reuse.tokens;
    this.#metrics.appended(tokens, reuse);
  }

  /** Notes a token of one of the choices. */
  generated(choice: number, exact: boolean): void {
    const now = performance.now();
    if (this.firstTokenAt === undefined) this.#metrics.firstToken((now - this.startedAt) / 1000);
    this.firstTokenAt ??= now;
    this.generatedTokens++;
    const before = this.#tokenAt.get(choice);
    this.#metrics.generated(exact, before === undefined ? undefined : (now - before) / 1000);
    this.#tokenAt.set(choice, now);
  }

  /** Notes that the answer is over. */
  ended(): void {
    const seconds = (performance.now() - this.startedAt) / 1000;
    this.#metrics.ended(this.method, this.route ?? "none", this.status, seconds);
  }
}

/** What the middlewares of a server share. */
export interface RecordEnv {
  Variables: { record: RequestRecord };
}

/** What {@linkcode recordRequests} is told. */
export interface Recording {
  readonly metrics: ServerMetrics;
  readonly idleTimeout: number;
  /** Called when an answer, to the last event of its stream, has been given. */
  readonly ended: (record: RequestRecord) => void;
}

/** Makes a record of every request, and ends streams that nobody reads. */
export function recordRequests(recording: Recording): MiddlewareHandler<RecordEnv> {
  const { metrics, idleTimeout } = recording;
  const ended = (record: RequestRecord) => {
    record.ended();
    recording.ended(record);
  };
  return async (c, next) => {
    const record = new RequestRecord(c.req.method, metrics);
    c.set("record", record);
    await next();
    record.status = c.res.status;
    if (c.res.headers.get("Content-Type") !== "text/event-stream" || !c.res.body) {
      return ended(record);
    }
    const stream = watchedStream(c.res.body, {
      idleTimeout,
      ended: (end) => {
        record.end = end;
        ended(record);
      },
    });
    c.res = new Response(stream, c.res);
  };
}
