/**
 * The main isolate's end of the engine's Worker: sends commands, hands events to the sessions that
 * they belong to.
 *
 * @module
 */
import { ring } from "./bell.ts";
import type { LoadProgress } from "./options.ts";
import type { EngineWork, OperatorTime } from "./reports.ts";
import type { Command, EngineEvent, StartMessage, WorkerMessage } from "./protocol.ts";

type Ready = Extract<WorkerMessage, { type: "ready" }>;

/** A running engine. */
export class EngineClient {
  readonly ready: Ready;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  /** What the engine sleeps on. */
  readonly bell: Int32Array;
  readonly #handlers = new Map<number, (event: EngineEvent) => void>();
  readonly #stopped = Promise.withResolvers<void>();
  #failure: string | undefined;
  #work: EngineWork = {
    passes: 0,
    sessions: 0,
    tokens: 0,
    milliseconds: 0,
    keptBytes: 0,
    launches: 0,
    refusedRecordings: 0,
    refusal: undefined,
  };
  #profile: readonly OperatorTime[] | undefined;

  /** Starts a Worker and waits until the model is loaded; `progress` hears how far that is. */
  static async start(
    message: Omit<StartMessage, "port" | "bell">,
    progress?: (progress: LoadProgress) => void,
  ): Promise<EngineClient> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const { port1, port2 } = new MessageChannel();
    const bell = new Int32Array(new SharedArrayBuffer(4));
    const { promise, resolve, reject } = Promise.withResolvers<Ready>();
    worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
      if (data.type === "loading") progress?.(data);
      if (data.type === "ready") resolve(data);
      if (data.type === "failed") reject(new Error(data.message));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`Cannot start the engine: ${event.message}`));
    };
    worker.postMessage({ ...message, port: port2, bell }, [port2]);
    try {
      return new EngineClient(worker, port1, bell, await promise);
    } catch (error) {
      port1.close();
      worker.terminate();
      throw error;
    }
  }

  private constructor(worker: Worker, port: MessagePort, bell: Int32Array, ready: Ready) {
    this.#worker = worker;
    this.#port = port;
    this.bell = bell;
    this.ready = ready;
    worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(event.message);
    };
  }

  /** Why the engine does nothing any more, once it is so. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** What the engine has done, as of its last events. */
  get work(): EngineWork {
    return this.#work;
  }

  /** Time by operator, once the engine has stopped. */
  get profile(): readonly OperatorTime[] | undefined {
    return this.#profile;
  }

  /** Calls `handler` with every event of a session. */
  subscribe(session: number, handler: (event: EngineEvent) => void): void {
    this.#handlers.set(session, handler);
  }

  /** Puts a command where the engine finds it before its next step. */
  send(command: Command): void {
    if (this.#failure !== undefined) throw new Error(this.#failure);
    const moved = Object.values(command).filter((value) => value instanceof ArrayBuffer);
    this.#port.postMessage(command, moved);
    ring(this.bell);
  }

  /** Ends the engine after its present step and frees what it holds. */
  async stop(): Promise<void> {
    if (this.#failure === undefined) this.send({ type: "stop" });
    await this.#stopped.promise;
    this.#failure ??= "The runtime is closed; load the model again";
    this.#port.close();
    this.#worker.terminate();
  }

  #receive(message: WorkerMessage): void {
    if (message.type === "events") {
      this.#work = message.work;
      for (const event of message.events) this.#deliver(event);
    } else if (message.type === "stopped") {
      this.#profile = message.profile;
      this.#stopped.resolve();
    } else if (message.type === "failed") {
      this.#fail(message.message);
    }
  }

  #deliver(event: EngineEvent): void {
    const handler = this.#handlers.get(event.session);
    if (event.type === "closed") this.#handlers.delete(event.session);
    handler?.(event);
  }

  /** The Worker is gone: whoever waits for it is told. */
  #fail(reason: string): void {
    this.#failure = `The engine has stopped: ${reason}`;
    this.#stopped.resolve();
    for (const session of this.#handlers.keys()) {
      this.#deliver({ type: "failed", session, position: 0, message: this.#failure });
      this.#deliver({ type: "closed", session });
    }
  }
}
