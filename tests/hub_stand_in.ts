/**
 * A small hub on loopback that serves one model, and fails as a test wants it to.
 *
 * @module
 */
import { createHash } from "node:crypto";

export const NAME = "org/tiny";
export const COMMIT = "0123456789abcdef0123456789abcdef01234567";
/** Files of more bytes than this have a SHA-256, as those in large file storage. */
const LARGE = 10_000;
/** Entries on one page of the list of files. */
const PAGE = 3;

/** A request as it came. */
export interface Seen {
  readonly path: string;
  readonly token: string | null;
  readonly range: string | null;
}

/** One entry of the list of files. */
export interface Entry {
  type: string;
  path: string;
  size: number;
  oid: string;
  lfs?: { oid: string; size: number; pointerSize: number };
}

/** Serves the files of a model under the routes of the hub. */
export class HubStandIn implements AsyncDisposable {
  readonly url: string;
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
  readonly entries: Entry[];
  /** What the model card's head says. */
  card: Record<string, unknown> = { license: "other", license_name: "tiny-license" };
  commit = COMMIT;
  readonly seen: Seen[] = [];
  /** Bytes of files that were served. */
  served = 0;
  /** Answers before the hub does, or leaves it to the hub with `undefined`. */
  intercept: (request: Request, path: string) => Response | undefined = () => undefined;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(
    files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
    readonly name: string = NAME,
  ) {
    this.files = new Map(Object.entries(files));
    this.entries = [...this.files].map(([path, bytes]) => entryOf(path, bytes));
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** The entry of a file, to be changed. */
  entry(path: string): Entry {
    return this.entries.find((entry) => entry.path === path)!;
  }

  /** How many requests there were for a path that ends so. */
  count(end: string): number {
    return this.seen.filter(({ path }) => path.endsWith(end)).length;
  }

  /**
   * A file from where the request wants it, cut short after `most` bytes by a lost connection.
   */
  file(request: Request, path: string, most = Infinity): Response {
    const bytes = this.files.get(path);
    if (!bytes) return new Response(null, { status: 404 });
    const start = Number(request.headers.get("Range")?.match(/^bytes=(\d+)-$/)?.[1] ?? 0);
    const headers = new Headers({ "Content-Length": `${bytes.length - start}` });
    const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    if (start > 0) headers.set("Content-Range", range);
    const body = bytes.slice(start, start + most);
    this.served += body.length;
    return new Response(ReadableStream.from([body]), { status: start > 0 ? 206 : 200, headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  #answer(request: Request): Response {
    const { pathname, searchParams } = new URL(request.url);
    const { headers } = request;
    this.seen.push({
      path: pathname,
      token: headers.get("Authorization"),
      range: headers.get("Range"),
    });
    const answer = this.intercept(request, pathname);
    if (answer) return answer;
    const [api, file] = [`/api/models/${this.name}`, `/${this.name}/resolve/${this.commit}/`];
    if (pathname.startsWith(`${api}/revision/`)) return this.#model();
    if (pathname === `${api}/tree/${this.commit}`) return this.#page(searchParams);
    if (pathname.startsWith(file)) return this.file(request, pathname.slice(file.length));
    return new Response(null, { status: 404 });
  }

  #model(): Response {
    const { commit: sha, card: cardData } = this;
    return Response.json({ _id: "1", id: this.name, sha, cardData, lastModified: "2025-01-01" });
  }

  #page(query: URLSearchParams): Response {
    const start = Number(query.get("cursor") ?? 0);
    const next = start + PAGE;
    const headers = new Headers();
    if (next < this.entries.length) {
      const address = `${this.url}/api/models/${this.name}/tree/${this.commit}?cursor=${next}`;
      headers.set("Link", `<${address}>; rel="next"`);
    }
    return Response.json(this.entries.slice(start, next), { headers });
  }
}

function entryOf(path: string, bytes: Uint8Array): Entry {
  const size = bytes.length;
  const oid = createHash("sha1").update(`blob ${size}\0`).update(bytes).digest("hex");
  if (size <= LARGE) return { type: "file", path, size, oid };
  const lfs = { oid: createHash("sha256").update(bytes).digest("hex"), size, pointerSize: 134 };
  return { type: "file", path, size, oid: "f".repeat(40), lfs };
}
