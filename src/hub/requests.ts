/**
 * Requests to a hub: redirects, the token, failures in words, and second tries.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";

const REDIRECTS = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 10;
const ATTEMPTS = 5;
const LONGEST_WAIT_MS = 60_000;

/** How requests are made. */
export interface RequestOptions {
  /** Address of the hub (default https://huggingface.co). */
  readonly endpoint?: string;
  /** Sent to the hub, and to no other host that it may redirect to. */
  readonly token?: string;
  /** Ends everything with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds before the second try (default 1000); each later one waits twice as long. */
  readonly retryDelay?: number;
  /** Milliseconds without a byte after which a connection counts as dropped (default 30000). */
  readonly patience?: number;
  /** Gets a line for each failure after which there is another try. */
  readonly log?: (line: string) => void;
}

/** A failure that may be over at the next try. */
export class PassingError extends Error {
  /** Milliseconds that the server asks to wait. */
  readonly wait: number;

  constructor(message: string, options: { wait?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.wait = options.wait ?? 0;
  }
}

/** Makes the requests for one model. */
export class Requests {
  readonly endpoint: URL;
  readonly #name: string;
  readonly #options: RequestOptions;

  constructor(name: string, options: RequestOptions) {
    const { endpoint = "https://huggingface.co" } = options;
    const url = URL.parse(endpoint);
    if (!url || !/^https?:$/.test(url.protocol)) {
      throw new TypeError(`The hub's address is "${endpoint}": pass one such as https://HOST`);
    }
    this.endpoint = url;
    this.#name = name;
    this.#options = options;
  }

  /** The hub's address, without a slash at its end. */
  get address(): string {
    return this.endpoint.href.replace(/\/+$/, "");
  }

  /** Where a file of the model is. */
  fileAddress(commit: string, path: string): string {
    return `${this.address}/${this.#name}/resolve/${commit}/${encodeURIComponent(path)}`;
  }

  /** Reads an answer whole. Tries again when that may help. */
  async read(url: string | URL): Promise<Response> {
    return await this.retry(async () => {
      using answer = await this.open(url);
      const parts: Uint8Array<ArrayBuffer>[] = [];
      for await (const part of answer.parts()) parts.push(part);
      return new Response(new Blob(parts), { headers: answer.headers });
    });
  }

  /**
   * Requests `url` once and follows redirects; the caller disposes the answer. Throws an `Error`
   * for any answer but a success, and a {@linkcode PassingError} where another try may help.
   */
  async open(url: string | URL, headers: HeadersInit = {}): Promise<Answer> {
    let target = new URL(url);
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const answer = await this.#ask(target, headers);
      if (!REDIRECTS.includes(answer.status)) return answer;
      answer[Symbol.dispose]();
      target = this.#next(target, answer.headers.get("Location"));
    }
    throw new Error(`Cannot download ${this.#name}: ${target.host} redirects without end`);
  }

  /** Runs `attempt` up to five times in a row without progress, while its failures may pass. */
  async retry<T>(attempt: () => Promise<T>, progressed = () => false): Promise<T> {
    const { retryDelay = 1000, signal, log } = this.#options;
    for (let tries = 1;; tries++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof PassingError)) throw error;
        if (progressed()) tries = 1;
        if (tries === ATTEMPTS) {
          throw new Error(`${error.message}; ${ATTEMPTS} tries failed, run it again later`, {
            cause: error,
          });
        }
        const wait = Math.max(error.wait, retryDelay * 2 ** (tries - 1));
        log?.(`${error.message}; the next try is in ${Math.ceil(wait / 1000)} s`);
        // An aborted delay rejects with a reason of its own.
        await delay(wait, undefined, signal ? { signal } : {}).catch(() => {});
        signal?.throwIfAborted();
      }
    }
  }

  async #ask(target: URL, init: HeadersInit): Promise<Answer> {
    const headers = new Headers(init);
    const { token, signal, patience = 30_000 } = this.#options;
    // A redirect may lead to a host that must not see the token.
    if (token !== undefined && target.origin === this.endpoint.origin) {
      headers.set("Authorization", `Bearer ${token}`);
    }
    const watch = new Watch(patience, signal);
    try {
      const response = await fetch(target, { headers, redirect: "manual", signal: watch.signal });
      if (!response.ok && !REDIRECTS.includes(response.status)) throw this.#refusal(response);
      return new Answer(response, target.host, watch);
    } catch (error) {
      watch[Symbol.dispose]();
      throw passing(error, `Cannot reach ${target.host}`);
    }
  }

  #next(from: URL, location: string | null): URL {
    const next = location === null ? null : URL.parse(location, from);
    const secure = from.protocol === "https:";
    if (next?.protocol === "https:" || (next?.protocol === "http:" && !secure)) return next;
    const found = location === null ? "nowhere" : JSON.stringify(location);
    throw new Error(
      `Cannot download ${this.#name}: ${from.host} redirects to ${found}, which is no address ` +
        `for downloads${secure ? " (https only)" : ""}`,
    );
  }

  #refusal({ status, headers, url }: Response): Error {
    const says = `Cannot download ${this.#name}: ${new URL(url).host} answered ${status}`;
    if (status === 429 || status === 408 || status >= 500) {
      const seconds = Number(headers.get("Retry-After") ?? 0);
      const wait = Math.min(seconds > 0 ? seconds * 1000 : 0, LONGEST_WAIT_MS);
      return new PassingError(says + (status === 429 ? " (too many requests)" : ""), { wait });
    }
    const advice: Readonly<Record<number, string>> = {
      401: "there is no such model, or it needs a token: check the name, or set HF_TOKEN",
      403: `access is refused: ask for it at ${this.address}/${this.#name}, and set HF_TOKEN`,
      404: "there is no such model, revision or file: check the name and the revision",
    };
    return new Error(`${says}; ${advice[status] ?? "it does not serve downloads"}`);
  }
}

/** An answer whose body is still to come. */
export class Answer implements Disposable {
  readonly status: number;
  readonly headers: Headers;
  readonly #response: Response;
  readonly #host: string;
  readonly #watch: Watch;

  constructor(response: Response, host: string, watch: Watch) {
    this.status = response.status;
    this.headers = response.headers;
    this.#response = response;
    this.#host = host;
    this.#watch = watch;
  }

  /** The body. Throws a {@linkcode PassingError} when the connection is lost. */
  async *parts(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    try {
      for await (const part of this.#response.body ?? []) {
        this.#watch.restart();
        yield part;
      }
    } catch (error) {
      throw passing(error, `The connection to ${this.#host} was lost`);
    }
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }
}

/** Why a {@linkcode Watch} ended a request. */
class Silence extends Error {}

/** Ends a request that has gone silent, or whose answer nobody wants any more. */
class Watch implements Disposable {
  readonly signal: AbortSignal;
  readonly #end = new AbortController();
  readonly #patience: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(patience: number, signal: AbortSignal | undefined) {
    this.#patience = patience;
    this.signal = signal ? AbortSignal.any([signal, this.#end.signal]) : this.#end.signal;
    this.restart();
  }

  restart(): void {
    clearTimeout(this.#timer);
    const silence = new Silence(`nothing came for ${this.#patience / 1000} s`);
    this.#timer = setTimeout(() => this.#end.abort(silence), this.#patience);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#end.abort();
  }
}

/** A failed connection as a {@linkcode PassingError}, any other error as it is. */
function passing(error: unknown, what: string): unknown {
  if (!(error instanceof TypeError) && !(error instanceof Silence)) return error;
  // The cause of "fetch failed" goes from the general to what really happened.
  const reason = error.cause instanceof Error ? error.cause.message.split(": ").at(-1) : undefined;
  return new PassingError(`${what}: ${reason ?? error.message}`, { cause: error });
}
