/**
 * The cache folder that Hugging Face's tools share. A model has its own folder there:
 *
 * ```
 * models--org--name/blobs/CHECKSUM            the files' bytes
 *                   snapshots/COMMIT/NAME     links to them
 *                   refs/REVISION             the commit that a branch or tag was last seen at
 * ```
 *
 * @module
 */
import { homedir } from "node:os";

const COMMIT = /^[0-9a-f]{40}$/;

/** A file of a model on the hub. */
export interface HubFile {
  /** Its name: no folder is part of it. */
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 (64 digits) of a large file, Git's SHA-1 of a blob (40 digits) of a small one. */
  readonly checksum: string;
}

/** One model in the cache folder. */
export class CachedModel {
  readonly folder: string;
  readonly #locks: string;

  constructor(name: string, cacheFolder = `${homedir()}/.cache/huggingface/hub`) {
    const own = `models--${name.replace("/", "--")}`;
    this.folder = `${cacheFolder}/${own}`;
    this.#locks = `${cacheFolder}/.locks/${own}`;
  }

  /** Makes the folders that downloads need. */
  create(): void {
    for (const path of [`${this.folder}/blobs`, this.#locks]) {
      Deno.mkdirSync(path, { recursive: true });
    }
  }

  /** Where a file's bytes are, or will be. */
  blob({ checksum }: HubFile): string {
    return `${this.folder}/blobs/${checksum}`;
  }

  /** Whether the file's bytes are there, all of them. */
  has(file: HubFile): boolean {
    return statusOf(this.blob(file))?.size === file.bytes;
  }

  /** How much of `files` earlier downloads have left. */
  partialBytes(files: readonly HubFile[]): number {
    const sizes = files.map((file) => statusOf(`${this.blob(file)}.incomplete`)?.size ?? 0);
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /**
   * Waits until no other process, of whichever tool, downloads the file. Closing the result lets
   * the next one in.
   */
  async lock({ path, checksum }: HubFile, log?: (line: string) => void): Promise<Deno.FsFile> {
    const lock = `${this.#locks}/${checksum}.lock`;
    const file = Deno.openSync(lock, { write: true, create: true });
    if (!await file.tryLock(true)) {
      log?.(`Another process downloads ${path}: waiting for it`);
      await file.lock(true);
    }
    return file;
  }

  /**
   * The folder with the files of a commit, branch or tag; `undefined` where no model is in it yet.
   */
  find(revision = "main"): string | undefined {
    const commit = isCommit(revision) ? revision : this.#read(revision);
    if (commit === undefined || !isCommit(commit)) return undefined;
    const folder = `${this.folder}/snapshots/${commit}`;
    if (!isFolder(folder)) return undefined;
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    const whole = names.includes("config.json") && names.some((n) => n.endsWith(".safetensors"));
    return whole ? folder : undefined;
  }

  /**
   * Makes the folder of a commit, once the bytes of all its files are there, and lets `revision`
   * point to it. Returns the folder.
   */
  publish(revision: string, commit: string, files: readonly HubFile[]): string {
    const folder = `${this.folder}/snapshots/${commit}`;
    Deno.mkdirSync(folder, { recursive: true });
    for (const file of files) this.#link(file, `${folder}/${file.path}`);
    if (!isCommit(revision)) this.#write(revision, commit);
    return folder;
  }

  #link(file: HubFile, path: string): void {
    const blob = this.blob(file);
    if (statusOf(path)?.ino === statusOf(blob)!.ino) return;
    removeIfThere(path);
    // Deno lets nobody make symbolic links who may not write everywhere; a hard link does as well.
    const free = (["read", "write"] as const).every((name) =>
      Deno.permissions.querySync({ name }).state === "granted"
    );
    if (free) Deno.symlinkSync(`../../blobs/${file.checksum}`, path);
    else Deno.linkSync(blob, path);
  }

  #read(revision: string): string | undefined {
    const path = `${this.folder}/refs/${revision}`;
    return statusOf(path)?.isFile ? Deno.readTextFileSync(path).trim() : undefined;
  }

  #write(revision: string, commit: string): void {
    const path = `${this.folder}/refs/${revision}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(`${path}.incomplete`, commit);
    Deno.renameSync(`${path}.incomplete`, path);
  }
}

/**
 * The folder of a model: `model` itself, or, where that is no folder but has the form "org/name",
 * what `contrail pull` put into the cache folder. Throws an `Error` when it is not there.
 */
export function modelFolder(model: string, cacheFolder?: string): string {
  if (!isModelName(model) || isFolder(model)) return model.replace(/\/+$/, "");
  const cached = new CachedModel(model, cacheFolder);
  const folder = cached.find();
  if (folder !== undefined) return folder;
  throw new Error(
    `Cannot find the model "${model}": there is no such folder, and no download of it in ` +
      `${cached.folder}; run contrail pull ${model}`,
  );
}

/** Whether `text` has the form of a model's name on the hub: "org/name". */
export function isModelName(text: string): boolean {
  return /^\w(?:[\w.-]*\w)?\/\w(?:[\w.-]*\w)?$/.test(text) && !/--|\.\./.test(text);
}

/** Whether `text` has the form of a commit's name. */
export function isCommit(text: string): boolean {
  return COMMIT.test(text);
}

/** What is at a path, links followed; `undefined` for nothing. */
export function statusOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Removes a file, or a link to nothing. */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statusOf(path)?.isDirectory ?? false;
}
