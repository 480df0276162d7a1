/**
 * Spans of OpenTelemetry below that of a request, which Deno makes and exports when it runs with
 * `OTEL_DENO=true`; otherwise they cost next to nothing.
 *
 * @module
 */
import { type Context, context, type Span, SpanStatusCode, trace } from "@opentelemetry/api";

/** The parts of a request that take time: `queue`, `prefill` and `decode`. */
export type Part = "queue" | "prefill" | "decode";

/** The spans of one request. */
export class RequestSpans {
  readonly #tracer = trace.getTracer("contrail");
  /** Remembered, as what makes the events of a stream runs in the context of whoever reads it. */
  readonly #request: Context = context.active();

  /** Does `work` in a span. */
  async around<T>(part: Part, work: () => Promise<T>): Promise<T> {
    const span = this.#start(part);
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  }

  /** A span that lasts until it is disposed. */
  open(part: Part): Disposable {
    const span = this.#start(part);
    return { [Symbol.dispose]: () => span.end() };
  }

  #start(part: Part): Span {
    return this.#tracer.startSpan(part, {}, this.#request);
  }
}
