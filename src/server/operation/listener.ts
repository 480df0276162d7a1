/**
 * A socket that takes requests, and knows which of them run.
 *
 * @module
 */

/** Answers requests. */
export type Handler = (
  request: Request,
  info: Deno.ServeHandlerInfo,
) => Response | Promise<Response>;

/** Listens until it is shut down. */
export class Listener implements AsyncDisposable {
  readonly url: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #running = new Set<Promise<void>>();

  /** Throws an `Error` that says why the address cannot be listened on. */
  constructor(hostname: string, port: number, handler: Handler) {
    this.#server = listen(hostname, port, (request, info) => {
      // Whether the client has taken all of the answer does not matter.
      const sent = info.completed.catch(() => {}).then(() => void this.#running.delete(sent));
      this.#running.add(sent);
      return handler(request, info);
    });
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    this.url = `http://${host}:${this.#server.addr.port}`;
  }

  /** Requests whose answers are not out yet. */
  get running(): number {
    return this.#running.size;
  }

  /** Resolves when the requests that run now are answered. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Takes no more connections; resolves when all requests have been answered. */
  async shutdown(): Promise<void> {
    await this.#server.shutdown();
  }

  /** Takes no more connections, and waits for nothing. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#server.shutdown().catch(() => {});
    return Promise.resolve();
  }
}

function listen(hostname: string, port: number, handler: Handler): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, onListen: () => {} }, handler);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const inUse = error instanceof Deno.errors.AddrInUse;
    const reason = inUse ? "the port is in use; choose another" : (error as Error).message;
    throw new Error(`Cannot listen on ${hostname}:${port}: ${reason}`, { cause: error });
  }
}
