/**
 * Streams that go on after a lost connection, for clients that ask for that.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import { ApiError } from "../errors.ts";
import { KeptStream } from "./kept_stream.ts";
import type { RecordEnv } from "./record.ts";

/** Most streams at once that can be gone on with; further ones end with their connections. */
const MOST_STREAMS = 256;

/** Whether a request wants a stream that can be gone on with. */
export function isResumable(c: Context): boolean {
  return c.req.header("Contrail-Resumable") === "true";
}

interface Entry {
  readonly stream: KeptStream;
  readonly route: string | undefined;
  readonly key: string | undefined;
}

/** The streams of a server that wait for their clients, or may have to. */
export class ResumableStreams {
  readonly #window: number;
  readonly #entries = new Map<string, Entry>();

  /** `window`: milliseconds that a stream waits for its client; 0 keeps none. */
  constructor(window: number) {
    this.#window = window;
  }

  /** Keeps the stream that a route answers with, or goes on with an earlier one. */
  middleware(): MiddlewareHandler<RecordEnv> {
    return async (c, next) => {
      const last = c.req.header("Last-Event-ID");
      if (last !== undefined && last !== "") return this.#resume(c, last);
      const hasRoom = this.#window > 0 && this.#entries.size < MOST_STREAMS;
      if (!isResumable(c) || !hasRoom) return await next();
      const gone = c.req.raw.signal;
      const ending = new AbortController();
      const leave = () => ending.abort(gone.reason);
      gone.addEventListener("abort", leave, { once: true });
      c.req.raw = new Request(c.req.raw, { signal: ending.signal });
      await next();
      if (c.res.headers.get("Content-Type") !== "text/event-stream" || !c.res.body) return;
      // From here on, it is the stream that decides when its client has left for good.
      gone.removeEventListener("abort", leave);
      c.res = new Response(this.#keep(c, c.res.body, ending).open(0)!, c.res);
    };
  }

  /** Ends all streams. */
  async close(): Promise<void> {
    const streams = [...this.#entries.values()].map(({ stream }) => stream.end());
    this.#entries.clear();
    await Promise.all(streams);
  }

  #keep(
    c: Context<RecordEnv>,
    body: ReadableStream<Uint8Array<ArrayBuffer>>,
    ending: AbortController,
  ): KeptStream {
    const id = crypto.randomUUID();
    const expired = () => {
      this.#entries.delete(id);
      ending.abort();
    };
    const stream = new KeptStream(body, { id, window: this.#window, expired });
    const { route, key } = c.get("record");
    this.#entries.set(id, { stream, route, key });
    return stream;
  }

  #resume(c: Context<RecordEnv>, last: string): Response {
    const [, id, number] = last.match(/^([0-9a-f-]{36}):(\d{1,15})$/) ?? [];
    const entry = this.#entries.get(id ?? "");
    const { route, key } = c.get("record");
    const isTheirs = entry?.route === route && entry?.key === key;
    const stream = isTheirs ? entry?.stream.open(Number(number) + 1) : undefined;
    if (!stream) {
      const message = `There is no stream to go on with after "${last.slice(0, 60)}": ask anew`;
      throw new ApiError(410, message, { code: "stream_gone" });
    }
    return new Response(stream, {
      headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" },
    });
  }
}
