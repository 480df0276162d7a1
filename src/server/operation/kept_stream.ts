/**
 * A stream of events that outlives its connection for a while.
 *
 * @module
 */

/** Most bytes of events that a stream keeps: half of them behind its reader, half ahead. */
const MOST_BYTES = 2 ** 20;

type Bytes = Uint8Array<ArrayBuffer>;

/** What becomes of a stream. */
export interface KeptStreamOptions {
  readonly id: string;
  /** Milliseconds that it waits for a reader. */
  readonly window: number;
  /** Called once nobody has come in time. */
  readonly expired: () => void;
}

/**
 * Reads events, each a chunk of its source, numbers them, and keeps the last ones. It reads on for
 * a while when its reader has gone, so that the next one can go on where that one was.
 */
export class KeptStream {
  readonly #source: ReadableStreamDefaultReader<Bytes>;
  readonly #options: KeptStreamOptions;
  readonly #events: Bytes[] = [];
  /** The number of the first event that is kept. */
  #first = 0;
  #bytes = 0;
  #done = false;
  #reading: Promise<void> | undefined;
  /** The one reader that is there. */
  #reader: object | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(source: ReadableStream<Bytes>, options: KeptStreamOptions) {
    this.#source = source.getReader();
    this.#options = options;
  }

  /** The events from number `next` on, or `undefined` if it is not kept. Another reader's end. */
  open(next: number): ReadableStream<Bytes> | undefined {
    if (next < this.#first || next > this.#end) return undefined;
    const reader = this.#reader = {};
    clearTimeout(this.#timer);
    return new ReadableStream({
      pull: async (controller) => {
        while (this.#reader === reader && next === this.#end && !this.#done) await this.#read();
        if (this.#reader === reader && next < this.#end) {
          controller.enqueue(this.#events[next++ - this.#first]!);
        } else {
          controller.close();
          this.#leave(reader);
        }
      },
      cancel: () => this.#leave(reader),
    }, { highWaterMark: 0 });
  }

  /** Ends the stream for good. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    this.#done = true;
    await this.#source.cancel().catch(() => {});
  }

  /** The number of the event that comes next. */
  get #end(): number {
    return this.#first + this.#events.length;
  }

  #leave(reader: object): void {
    if (this.#reader !== reader) return;
    this.#reader = undefined;
    this.#timer = setTimeout(() => {
      this.#options.expired();
      this.end();
    }, this.#options.window);
    this.#goOn();
  }

  async #goOn(): Promise<void> {
    while (!this.#reader && !this.#done && this.#bytes < MOST_BYTES) await this.#read();
  }

  /** Reads one event, for whoever waits for it. */
  #read(): Promise<void> {
    this.#reading ??= this.#readEvent().finally(() => this.#reading = undefined);
    return this.#reading;
  }

  async #readEvent(): Promise<void> {
    const { done, value } = await this.#source.read().catch(() => ({
      done: true,
      value: undefined,
    }));
    if (done || !value) {
      this.#done = true;
      return;
    }
    const id = encoder.encode(`id: ${this.#options.id}:${this.#end}\n`);
    const event = new Uint8Array(id.length + value.length);
    event.set(id);
    event.set(value, id.length);
    this.#events.push(event);
    this.#bytes += event.length;
    while (this.#reader && this.#bytes > MOST_BYTES / 2 && this.#events.length > 1) {
      this.#bytes -= this.#events.shift()!.length;
      this.#first++;
    }
  }
}

const encoder = new TextEncoder();
