/**
 * What is known of a request, for the log and the metrics.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Reuse } from "../../options.ts";
import { type StreamEnd, watchedStream } from "./idle.ts";

/** What a request has come to so far. */
export class RequestRecord {
  readonly method: string;
  readonly startedAt: number = performance.now();
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

  constructor(method: string) {
    this.method = method;
  }

  /** Notes that so many tokens have been appended, of which some were not computed. */
  appended(tokens: number, reuse: Reuse): void {
    this.promptTokens += tokens;
    this.cachedTokens += reuse.tokens;
  }

  /** Notes a token of one of the choices. */
  generated(): void {
    this.firstTokenAt ??= performance.now();
    this.generatedTokens++;
  }
}

/** What the middlewares of a server share. */
export interface RecordEnv {
  Variables: { record: RequestRecord };
}

/** What {@linkcode recordRequests} is told. */
export interface Recording {
  readonly idleTimeout: number;
  /** Called when an answer, to the last event of its stream, has been given. */
  readonly ended: (record: RequestRecord) => void;
}

/** Makes a record of every request, and ends streams that nobody reads. */
export function recordRequests({ idleTimeout, ended }: Recording): MiddlewareHandler<RecordEnv> {
  return async (c, next) => {
    const record = new RequestRecord(c.req.method);
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
