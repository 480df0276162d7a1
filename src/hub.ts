/**
 * Gets models from the Hugging Face hub into the cache folder that its tools share.
 *
 * @module
 */
import { statfsSync } from "node:fs";
import { CachedModel, isModelName } from "./hub/cache.ts";
import { download } from "./hub/download.ts";
import { type HubModel, lookUp } from "./hub/model.ts";
import { type RequestOptions, Requests } from "./hub/requests.ts";
import { quote } from "./json_fields.ts";

/** Characters of a license that are shown; the longest in common use has 35000. */
const LICENSE_LENGTH = 50_000;

/** How {@linkcode pull} gets a model. */
export interface PullOptions extends RequestOptions {
  /** Where models are kept (default `~/.cache/huggingface/hub`). */
  readonly cacheFolder?: string;
  /** A branch, tag or commit (default `main`). */
  readonly revision?: string;
  /** Takes what is in the cache folder, and asks no hub. */
  readonly offline?: boolean;
  /** Is called before the download, if there is one, and throws to stop it. */
  readonly approve?: (offer: Offer) => Promise<void>;
  /** Is called again and again during the download. */
  readonly progress?: (progress: Progress) => void;
}

/** What a download would be. */
export interface Offer {
  readonly commit: string;
  /** Bytes to download: what the cache folder lacks. */
  readonly bytes: number;
  readonly license: License;
}

/** Under what terms a model may be used, as far as its repository says. */
export interface License {
  /** From the model card, such as `apache-2.0`; "other" has a name of its own behind it. */
  readonly name: string | undefined;
  readonly link: string | undefined;
  /** The text of the license file, if there is one. */
  readonly text: string | undefined;
}

/** How far a download is. */
export interface Progress {
  /** The file that comes now. */
  readonly path: string;
  readonly bytes: number;
  readonly totalBytes: number;
}

/**
 * Gets the model `name` ("org/name"), as far as the cache folder lacks it, and returns its folder
 * there. What was downloaded when something failed is used by the next call.
 *
 * @example
 * ```ts ignore
 * const folder = await pull("jet-ai/Jet-Nemotron-2B", { token });
 * ```
 */
export async function pull(name: string, options: PullOptions = {}): Promise<string> {
  const { revision = "main", cacheFolder, offline = false } = options;
  check(name, revision);
  const cached = new CachedModel(name, cacheFolder);
  if (offline) {
    const folder = cached.find(revision);
    if (folder !== undefined) return folder;
    throw new Error(`Cannot get ${name} offline: ${cached.folder} has no ${revision} of it`);
  }
  const requests = new Requests(name, options);
  const model = await lookUp(requests, name, revision);
  await fill(cached, model, requests, options);
  return cached.publish(revision, model.commit, model.files);
}

function check(name: string, revision: string): void {
  if (!isModelName(name)) {
    throw new TypeError(`The model's name is ${quote(name)}: pass one such as org/name`);
  }
  const segments = revision.split("/");
  if (!segments.every((segment) => /^\w[\w.+-]*$/.test(segment)) || revision.includes("..")) {
    throw new TypeError(`The revision is ${quote(revision)}: pass a branch, a tag or a commit`);
  }
}

/** Downloads what the cache folder lacks of a model. */
async function fill(
  cached: CachedModel,
  model: HubModel,
  requests: Requests,
  { approve, progress, log }: PullOptions,
): Promise<void> {
  const missing = model.files.filter((file) => !cached.has(file));
  if (missing.length === 0) return;
  const totalBytes = missing.reduce((sum, { bytes }) => sum + bytes, 0);
  const { commit } = model;
  await approve?.({ commit, bytes: totalBytes, license: await licenseOf(model, requests) });
  cached.create();
  checkSpace(cached.folder, totalBytes - cached.partialBytes(missing));
  let done = 0;
  for (const file of missing) {
    using _lock = await cached.lock(file, log);
    const { path } = file;
    if (!cached.has(file)) {
      const told = (bytes: number) => progress?.({ path, bytes: done + bytes, totalBytes });
      await download(requests, requests.fileAddress(commit, path), file, cached.blob(file), told);
    }
    done += file.bytes;
  }
}

async function licenseOf({ commit, card, files }: HubModel, requests: Requests): Promise<License> {
  const field = (key: string) => {
    const value = card[key];
    return typeof value === "string" ? value : undefined;
  };
  const name = field("license_name") ?? field("license");
  const link = field("license_link");
  const file = files.find(({ path }) => /^licen[cs]e/i.test(path));
  if (!file) return { name, link, text: undefined };
  const text = await (await requests.read(requests.fileAddress(commit, file.path))).text();
  return { name, link, text: text.slice(0, LICENSE_LENGTH) };
}

/** Throws an `Error` when the disk is known to have less than `bytes` left. */
function checkSpace(folder: string, bytes: number): void {
  let free;
  try {
    const { bavail, bsize } = statfsSync(folder);
    free = bavail * bsize;
  } catch {
    return; // Not every system tells, and not every caller may ask.
  }
  if (bytes <= free) return;
  throw new Error(
    `Cannot download ${bytes} bytes to ${folder}: its disk has ${free} bytes left; make room, or ` +
      "choose another cache folder",
  );
}
