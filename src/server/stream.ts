/**
 * Server-sent events.
 *
 * @module
 */
import type { Context } from "hono";
import type { ServerContext } from "./context.ts";
import { toApiError } from "./errors.ts";

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
 * Values are made as the client reads them, so one that stalls holds back its own generation and no
 * memory.
 */
export async function streamEvents(
  c: Context,
  server: ServerContext,
  produce: (signal: AbortSignal) => AsyncGenerator<object, void, void>,
): Promise<Response> {
  const disconnected = c.req.raw.signal;
  const cancelled = new AbortController();
  const left = AbortSignal.any([cancelled.signal, disconnected]);
  const values = produce(AbortSignal.any([left, endOf(c, server)]));
  let ready: IteratorResult<object, void> | undefined = await values.next();
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
        controller.enqueue(done ? event("[DONE]") : event(JSON.stringify(value), typeOf(value)));
        if (done) end(controller);
      } catch (error) {
        if (left.aborted) return;
        const told = toApiError(error, `${c.req.method} ${c.req.path}`, server);
        controller.enqueue(event(JSON.stringify(told)));
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

function event(data: string, type?: string): Uint8Array {
  return encoder.encode(`${type === undefined ? "" : `event: ${type}\n`}data: ${data}\n\n`);
}

/** The type of a value that has one. */
function typeOf(value: object): string | undefined {
  return "type" in value && typeof value.type === "string" ? value.type : undefined;
}
