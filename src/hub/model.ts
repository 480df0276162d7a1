/**
 * What a hub says of a model.
 *
 * @module
 */
import { type ListFileEntry, listFiles, modelInfo } from "@huggingface/hub";
import { describe, isRecord, isWhole, quote } from "../json_fields.ts";
import { type HubFile, isCommit } from "./cache.ts";
import type { Requests } from "./requests.ts";

/** What is downloaded of a model. */
const NEEDED = [
  /^(?:generation_)?config\.json$/,
  /\.safetensors(?:\.index\.json)?$/,
  /^(?:tokenizer|tokenizer_config|special_tokens_map)\.json$/,
  /^chat_template\.jinja$/,
  /^(?:LICEN[CS]E|README\.md$)/i,
];
/** More files than any model has in its main folder. */
const MAX_FILES = 10_000;

/** A model as the hub describes it. */
export interface HubModel {
  readonly commit: string;
  /** The model card's metadata. */
  readonly card: Readonly<Record<string, unknown>>;
  readonly files: readonly HubFile[];
}

/** Asks the hub what `revision` is and which files it has. Throws an `Error`. */
export async function lookUp(
  requests: Requests,
  name: string,
  revision: string,
): Promise<HubModel> {
  const address = {
    hubUrl: requests.address,
    fetch: (url: string | URL | Request) => requests.read(url as string),
  };
  try {
    const fields = ["sha", "cardData"] as const;
    const info = await modelInfo({ ...address, name, revision, additionalFields: [...fields] });
    const { sha: commit, cardData: card } = info;
    if (!isCommit(commit)) throw new TypeError(`sha is ${describe(commit)}`);
    const files: HubFile[] = [];
    let count = 0;
    const repo = { type: "model", name } as const;
    for await (const entry of listFiles({ ...address, repo, revision: commit })) {
      if (++count > MAX_FILES) throw new TypeError("the list of files has no end");
      const file = neededFile(entry);
      if (file) files.push(file);
    }
    for (const needed of ["config.json", ".safetensors"]) {
      if (files.some(({ path }) => path.endsWith(needed))) continue;
      throw new TypeError(`it has no ${needed} file, which Contrail needs`);
    }
    return { commit, card: isRecord(card) ? card : {}, files };
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    const { host } = requests.endpoint;
    throw new Error(`Cannot use what ${host} says of ${name}: ${error.message}`, { cause: error });
  }
}

/** The file that an entry of the hub's list stands for, if it is needed. */
function neededFile({ type, path, size, oid, lfs }: ListFileEntry): HubFile | undefined {
  const segments = path.split("/");
  // deno-lint-ignore no-control-regex
  if (segments.some((name) => /^\.{0,2}$|[\\\x00-\x1f]/.test(name))) {
    throw new TypeError(`it has a file ${quote(path)}, whose name leads out of the folder`);
  }
  if (type !== "file" || segments.length > 1) return undefined;
  if (!NEEDED.some((name) => name.test(path))) return undefined;
  const checksum = lfs ? lfs.oid : oid;
  const wellFormed = typeof checksum === "string" &&
    (lfs ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/).test(checksum);
  if (!wellFormed) throw new TypeError(`the checksum of ${path} is ${describe(checksum)}`);
  if (!isWhole(size) || size < 0) throw new TypeError(`the size of ${path} is ${describe(size)}`);
  return { path, bytes: size, checksum };
}
