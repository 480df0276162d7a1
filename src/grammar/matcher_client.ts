/**
 * The main isolate's end of a Worker that matches grammars.
 *
 * @module
 */
import { ring } from "../bell.ts";
import type { MaskShare } from "../protocol.ts";
import { maskMemory, MaskWriter } from "./mask_memory.ts";
// The Worker's package has to be known to the whole program: where types are checked, Deno would
// look for it with the help of Workers that do not listen, such as the engine's.
import "./xgrammar.ts";
import type { MatcherCommand, MatcherEvent, MatcherStart, Vocabulary } from "./messages.ts";

/** A running Worker. Once it has failed, whatever is asked of it fails in the same way. */
export class MatcherClient {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #bell = new SharedArrayBuffer(4);
  readonly #engineBell: Int32Array;
  readonly #vocabulary: Vocabulary;
  /** What is waited for, by what the Worker tells. */
  readonly #awaited = new Map<string, PromiseWithResolvers<void>>();
  readonly #open = new Map<number, SharedArrayBuffer>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #mostMs: number;
  readonly #failed: () => void;
  /** Ends once the Worker has done all that was asked of it. */
  #last: Promise<void> = this.#ready.promise.catch(() => {});
  #failure: Error | undefined;
  #count = 0;

  /**
   * Starts a Worker. It fails when a grammar takes it more than `mostMs` milliseconds, and `failed`
   * is called when it has failed.
   */
  constructor(
    vocabulary: Vocabulary,
    engineBell: Int32Array,
    mostMs: number,
    failed: () => void,
  ) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#vocabulary = vocabulary;
    this.#engineBell = engineBell;
    this.#mostMs = mostMs;
    this.#failed = failed;
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<MatcherEvent>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.fail(event.message);
    };
    const start: MatcherStart = {
      port: port2,
      bell: this.#bell,
      engineBell: engineBell.buffer as SharedArrayBuffer,
      vocabulary,
      mostMs,
    };
    this.#worker.postMessage(start, [port2]);
    // Whoever does not wait for this need not hear of its failure.
    this.#ready.promise.catch(() => {});
  }

  /** Generations that it matches now, and grammars that it compiles. */
  get load(): number {
    return this.#open.size + this.#awaited.size;
  }

  /** Compiles a grammar, and gives its number. Rejects with the Worker's end. */
  async compile(text: string): Promise<number> {
    const grammar = this.#count++;
    this.#send({ type: "compile", grammar, text });
    await this.#expect(`compiled ${grammar}`);
    return grammar;
  }

  /** Frees a compiled grammar. */
  forget(grammar: number): void {
    this.#send({ type: "forget", grammar });
  }

  /** What holds one generation to a compiled grammar. Rejects with the Worker's end. */
  async open(grammar: number): Promise<MaskShare & Disposable> {
    const mask = this.#count++;
    const { tokens, endTokens } = this.#vocabulary;
    const memory = maskMemory(tokens.length);
    this.#open.set(mask, memory);
    this.#send({ type: "open", mask, grammar, memory });
    await this.#expect(`opened ${mask}`);
    return {
      memory,
      bell: this.#bell,
      endTokens,
      [Symbol.dispose]: () => {
        this.#open.delete(mask);
        this.#send({ type: "close", mask });
      },
    };
  }

  /** Ends the Worker. Generations that it matches fail. */
  fail(message: string): void {
    if (this.#failure) return;
    // One that sleeps hears nothing else, and would keep the process from its end.
    this.#send({ type: "stop" });
    this.#failure = new Error(message);
    this.#worker.terminate();
    for (const memory of this.#open.values()) new MaskWriter(memory).abandon();
    ring(this.#engineBell);
    for (const { reject } of [this.#ready, ...this.#awaited.values()]) reject(this.#failure);
    this.#failed();
  }

  #send(command: MatcherCommand): void {
    if (this.#failure) return;
    this.#port.postMessage(command);
    ring(new Int32Array(this.#bell));
  }

  async #expect(what: string): Promise<void> {
    if (this.#failure) throw this.#failure;
    const awaited = Promise.withResolvers<void>();
    this.#awaited.set(what, awaited);
    const before = this.#last;
    this.#last = awaited.promise.catch(() => {});
    // Commands are carried out in turn: the time of those before is not its own.
    await before;
    const late = setTimeout(
      () => this.fail(`compiling takes more than ${this.#mostMs / 1000} s`),
      this.#mostMs,
    );
    try {
      await awaited.promise;
    } finally {
      clearTimeout(late);
      this.#awaited.delete(what);
    }
  }

  #receive(event: MatcherEvent): void {
    if (event.type === "failed") this.fail(event.message);
    else if (event.type === "ready") this.#ready.resolve();
    else if (event.type === "compiled") this.#awaited.get(`compiled ${event.grammar}`)?.resolve();
    else this.#awaited.get(`opened ${event.mask}`)?.resolve();
  }
}
