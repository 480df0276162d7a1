/**
 * The folder in which a result grows beside its place, so that it is there whole or not at all, and
 * a run that was cut off can go on.
 *
 * @module
 */
import type { PlannedFile } from "../checkpoint/layout.ts";
import { syncFolder, writeAll, writeAt } from "../store/write_file.ts";

/** A tensor that is written, and Σ h·(w − scale·q)² and Σ h·w² where it was quantized. */
export interface FinishedTensor {
  readonly tensor: string;
  readonly error: number;
  readonly energy: number;
}

/**
 * `OUT.partial`: the result so far in `model/`, and a journal of the tensors that are safely on
 * disk. Disposing it closes its files and leaves it for the next run.
 */
export class WorkFolder implements Disposable {
  /** What an earlier run finished, by the tensors' names. */
  readonly finished: ReadonlyMap<string, FinishedTensor>;
  readonly #out: string;
  readonly #path: string;
  readonly #journal: Deno.FsFile;
  /** Lines about tensors that may not be on disk yet. */
  readonly #pending: string[] = [];
  readonly #files = new Map<string, Deno.FsFile>();

  /**
   * Opens the work folder of `out`, which must not exist. What an earlier run left is taken up when
   * it had the same `task`, and removed otherwise. Throws an `Error` when another run is at it.
   */
  constructor(out: string, task: object) {
    if (exists(out)) {
      throw new Error(`Cannot write ${out}: it exists; remove it or choose another folder`);
    }
    this.#out = out;
    this.#path = `${out}.partial`;
    const journal = `${this.#path}/journal`;
    if (exists(this.#path) && !exists(journal)) {
      throw new Error(`Cannot write ${out}: ${this.#path} is in the way; remove it`);
    }
    try {
      if (!exists(this.#path)) Deno.mkdirSync(this.#path);
      this.#journal = Deno.openSync(journal, { read: true, write: true, create: true });
    } catch (error) {
      throw new Error(`Cannot write ${out}: ${(error as Error).message}`, { cause: error });
    }
    if (!this.#journal.tryLockSync(true)) {
      this.#journal.close();
      throw new Error(`Cannot write ${out}: another run is writing it; wait for its end`);
    }
    this.finished = this.#resume(journal, JSON.stringify(task));
  }

  /** The file of this plan, with its header written and its whole size. */
  file({ name, bytes, header }: PlannedFile): Deno.FsFile {
    const known = this.#files.get(name);
    if (known) return known;
    const file = this.#open(name);
    if (file.statSync().size !== bytes) file.truncateSync(bytes);
    writeAt(file, 0, header);
    return file;
  }

  /** Adds a whole file. */
  add(name: string, content: Uint8Array): void {
    const file = this.#open(name);
    file.truncateSync();
    writeAt(file, 0, content);
  }

  /** Notes that a tensor is written. */
  finish(tensor: FinishedTensor): void {
    this.#pending.push(JSON.stringify(tensor));
  }

  /** Puts on disk what is written, and then what is noted of it. */
  sync(): void {
    for (const file of this.#files.values()) file.syncDataSync();
    this.#write(this.#pending.splice(0));
  }

  /** Puts the result in its place, and removes the rest. */
  publish(): void {
    for (const file of this.#files.values()) file.syncSync();
    syncFolder(`${this.#path}/model`);
    Deno.renameSync(`${this.#path}/model`, this.#out);
    syncFolder(`${this.#out}/..`);
    Deno.removeSync(this.#path, { recursive: true });
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) file.close();
    this.#journal.close();
  }

  /** Reads the journal of a run with the same task, or begins a new one. */
  #resume(journal: string, task: string): Map<string, FinishedTensor> {
    const finished = new Map<string, FinishedTensor>();
    const text = Deno.readTextFileSync(journal);
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const model = `${this.#path}/model`;
    if (whole.startsWith(`${task}\n`) && exists(model)) {
      for (const line of whole.trimEnd().split("\n").slice(1)) {
        const entry: FinishedTensor = JSON.parse(line);
        finished.set(entry.tensor, entry);
      }
      // What follows is a line that was cut.
      this.#journal.truncateSync(new TextEncoder().encode(whole).length);
      this.#journal.seekSync(0, Deno.SeekMode.End);
    } else {
      if (exists(model)) Deno.removeSync(model, { recursive: true });
      Deno.mkdirSync(model);
      this.#journal.truncateSync();
      this.#write([task]);
    }
    return finished;
  }

  #open(name: string): Deno.FsFile {
    const path = `${this.#path}/model/${name}`;
    const file = Deno.openSync(path, { read: true, write: true, create: true });
    this.#files.set(name, file);
    return file;
  }

  #write(lines: readonly string[]): void {
    writeAll(this.#journal, new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")));
    this.#journal.syncDataSync();
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new Error(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}
