/**
 * Downloads one file: goes on where it stopped, and checks what it got.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { type HubFile, removeIfThere } from "./cache.ts";
import { PassingError, type Requests } from "./requests.ts";

/** Bytes after which a dropped connection no longer counts against the tries. */
const PROGRESS_BYTES = 1024 * 1024;

/**
 * Downloads `file` to `path`, by way of `path.incomplete`, with which a later call goes on. `told`
 * gets the bytes that are there, again and again. Throws an `Error`; `path` then does not exist.
 */
export async function download(
  requests: Requests,
  url: string,
  file: HubFile,
  path: string,
  told: (bytes: number) => void,
): Promise<void> {
  const incomplete = `${path}.incomplete`;
  using partial = await PartialFile.open(incomplete, file);
  let mark = partial.bytes;
  told(partial.bytes);
  await requests.retry(() => complete(requests, url, partial, file, told), () => {
    const progressed = partial.bytes - mark >= PROGRESS_BYTES;
    if (progressed) mark = partial.bytes;
    return progressed;
  });
  if (await partial.isRight()) return Deno.renameSync(incomplete, path);
  removeIfThere(incomplete);
  throw new Error(
    `Cannot use ${file.path}: what was downloaded has another checksum than the hub names, so it ` +
      "was deleted; run it again",
  );
}

/** Gets what `partial` lacks, with one request. */
async function complete(
  requests: Requests,
  url: string,
  partial: PartialFile,
  file: HubFile,
  told: (bytes: number) => void,
): Promise<void> {
  if (partial.bytes === file.bytes) return;
  const headers = new Headers({ "Accept-Encoding": "identity" });
  if (partial.bytes > 0) headers.set("Range", `bytes=${partial.bytes}-`);
  using answer = await requests.open(url, headers);
  if (answer.status === 206) checkRange(answer.headers.get("Content-Range"), partial, file);
  else partial.restart();
  for await (const part of answer.parts()) {
    if (partial.bytes + part.length > file.bytes) {
      partial.restart();
      throw new Error(
        `Cannot use ${file.path}: the server sends more than the ${file.bytes} bytes that the ` +
          "hub names; run it again later",
      );
    }
    partial.write(part);
    told(partial.bytes);
  }
  if (partial.bytes < file.bytes) {
    throw new PassingError(
      `The server ended ${file.path} after ${partial.bytes} of ${file.bytes} bytes`,
    );
  }
}

function checkRange(range: string | null, partial: PartialFile, file: HubFile): void {
  const wanted = `bytes ${partial.bytes}-${file.bytes - 1}/${file.bytes}`;
  if (range === wanted) return;
  throw new Error(
    `Cannot use ${file.path}: the server sent ${range ?? "an unnamed range"} where ${wanted} was ` +
      "wanted; run it again later",
  );
}

/** A file that grows, and the checksum of what it holds. */
class PartialFile implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #wanted: HubFile;
  #hash: Hash;
  #bytes = 0;

  private constructor(file: Deno.FsFile, wanted: HubFile) {
    this.#file = file;
    this.#wanted = wanted;
    this.#hash = hashFor(wanted);
  }

  /** Opens a file, new or with what an earlier download left. */
  static async open(path: string, wanted: HubFile): Promise<PartialFile> {
    const file = Deno.openSync(path, { read: true, write: true, create: true });
    const partial = new PartialFile(file, wanted);
    const buffer = new Uint8Array(PROGRESS_BYTES);
    for (let count; (count = await file.read(buffer)) !== null;) {
      partial.#hash.update(buffer.subarray(0, count));
      partial.#bytes += count;
    }
    if (partial.#bytes > wanted.bytes) partial.restart();
    return partial;
  }

  get bytes(): number {
    return this.#bytes;
  }

  write(part: Uint8Array): void {
    for (let start = 0; start < part.length;) start += this.#file.writeSync(part.subarray(start));
    this.#hash.update(part);
    this.#bytes += part.length;
  }

  restart(): void {
    this.#file.truncateSync(0);
    this.#file.seekSync(0, Deno.SeekMode.Start);
    this.#hash = hashFor(this.#wanted);
    this.#bytes = 0;
  }

  /** Whether the checksum is as it should be; then all bytes are on the disk. */
  async isRight(): Promise<boolean> {
    await this.#file.syncData();
    return this.#hash.digest("hex") === this.#wanted.checksum;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

function hashFor({ bytes, checksum }: HubFile): Hash {
  if (checksum.length === 64) return createHash("sha256");
  return createHash("sha1").update(`blob ${bytes}\0`);
}
