/**
 * Ends what clients leave hanging: bodies that do not come, and streams that nobody reads.
 *
 * @module
 */
import { ApiError } from "../errors.ts";

/** How a stream has ended; `stalled`: its reader has not read on. */
export type StreamEnd = "finished" | "failed" | "left" | "stalled";

/** What {@linkcode watchedStream} looks after. */
export interface StreamWatch {
  /** Most milliseconds between two reads; Infinity waits for ever. */
  readonly idleTimeout: number;
  /** Called once. */
  readonly ended: (end: StreamEnd) => void;
}

/** A request whose body must go on coming: where it stops, reading it fails with 408. */
export function timelyRequest(request: Request, idleTimeout: number): Request {
  if (!request.body || idleTimeout === Infinity) return request;
  const reader = request.body.getReader();
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(() => late.reject(tooSlow(idleTimeout)), idleTimeout);
      try {
        const { done, value } = await Promise.race([reader.read(), late.promise]);
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        reader.cancel(error).catch(() => {});
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  return new Request(request, { body });
}

/** The same stream, cancelled when its reader stalls. */
export function watchedStream(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  watch: StreamWatch,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { idleTimeout } = watch;
  const reader = stream.getReader();
  let over = false;
  const ended = (end: StreamEnd) => {
    // A read that runs when the client leaves fails afterwards.
    if (!over) watch.ended(end);
    over = true;
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stalled = (controller: ReadableStreamDefaultController) => () => {
    ended("stalled");
    controller.error(new Error(`Nobody has read for ${idleTimeout} ms`));
    reader.cancel().catch(() => {});
  };
  return new ReadableStream({
    async pull(controller) {
      clearTimeout(timer);
      try {
        const { done, value } = await reader.read();
        if (!done) {
          controller.enqueue(value);
          if (idleTimeout !== Infinity) timer = setTimeout(stalled(controller), idleTimeout);
          return;
        }
        controller.close();
        ended("finished");
      } catch (error) {
        ended("failed");
        throw error;
      }
    },
    async cancel(reason) {
      clearTimeout(timer);
      ended("left");
      await reader.cancel(reason);
    },
  });
}

function tooSlow(idleTimeout: number): ApiError {
  const message = `The body has not gone on for ${idleTimeout / 1000} s: send it again`;
  return new ApiError(408, message, { code: "body_timeout", headers: { Connection: "close" } });
}
