/**
 * Server-sent events.
 *
 * @module
 */
import type { Context } from "hono";
import { batches } from "./batches.ts";
import type { ServerContext } from "./context.ts";
import { toApiError } from "./errors.ts";
import { isResumable } from "./operation/resume.ts";

/** Most events that are sent together: those of the tokens that an engine computes ahead. */
const MOST_TOGETHER = 16;

/** The signal that ends what a request does: its client has gone, or the server goes. */
export function endOf(c: Context, server: ServerContext): AbortSignal {
  const disconnected = c.req.raw.signal;
  return server.shutdown ? AbortSignal.any([disconnected, server.shutdown]) : disconnected;
}

/**
 * Responds with each value that `produce` makes as one event, of its `type` if it has one, then
 * `[DONE]`. What fails before the first value is thrown, so that it still gets a status of its own;
 * a later failure becomes the last event. The signal that `produce` gets is aborted when the client
 * goes away or the server goes down; when the client is gone, its generator is closed.
 *
 * Values that are there at the same time are one chunk of the body. Of a resumable stream, each is
 * one, as its chunks are numbered.
 *
 * Values are made as the client reads them, so one that stalls holds back its own generation and no
 * memory but that of a chunk.
 */
export async function streamEvents(
  c: Context,
  server: ServerContext,
  produce: (signal: AbortSignal) => AsyncGenerator<object, void, void>,
): Promise<Response> {
  const disconnected = c.req.raw.signal;
  const cancelled = new AbortController();
  const left = AbortSignal.any([cancelled.signal, disconnected]);
  const produced = produce(AbortSignal.any([left, endOf(c, server)]));
  const values = batches(produced, isResumable(c) ? 1 : MOST_TOGETHER);
  let ready: IteratorResult<object[], void> | undefined = await values.next();
  // A generator that waits to be read again hears no signal: it has to be closed as well.
  const leave = () => void values.return().catch(() => {});
  if (disconnected.aborted) leave();
  disconnected.addEventListener("abort", leave, { once: true });
  const end = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    disconnected.removeEventListener("abort", leave);
    controller.close();
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = ready ?? await values.next();
        ready = undefined;
        const events = done ? event("[DONE]") : value.map(eventOf).join("");
        controller.enqueue(encoder.encode(events));
        if (done) end(controller);
      } catch (error) {
        if (left.aborted) return;
        const told = toApiError(error, `${c.req.method} ${c.req.path}`, server);
        controller.enqueue(encoder.encode(event(JSON.stringify(told))));
        end(controller);
      }
    },
    async cancel() {
      disconnected.removeEventListener("abort", leave);
      cancelled.abort();
      await values.return().catch(() => {});
    },
  });
  return new Response(body, {
    headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" },
  });
}

const encoder = new TextEncoder();

function event(data: string, type?: string): string {
  return `${type === undefined ? "" : `event: ${type}\n`}data: ${data}\n\n`;
}

function eventOf(value: object): string {
  return event(JSON.stringify(value), typeOf(value));
}

/** The type of a value that has one. */
function typeOf(value: object): string | undefined {
  return "type" in value && typeof value.type === "string" ? value.type : undefined;
}
