/**
 * What the environment says: of the hub, under the names that all of its tools know, and of the
 * store, whose address may hold a password that a list of processes must not show.
 *
 * @module
 */
import type { PullOptions } from "../hub.ts";
import { present } from "./arguments.ts";

/** The folder that pulled models are kept in; `undefined` is the default. */
export function cacheFolder(): string | undefined {
  const caches = variable("XDG_CACHE_HOME");
  const home = variable("HF_HOME") ?? (caches && `${caches}/huggingface`);
  return variable("HF_HUB_CACHE") ?? (home && `${home}/hub`);
}

/** Which hub to ask, as whom, and whether at all. */
export function hubOptions(): PullOptions {
  const offline = variable("HF_HUB_OFFLINE");
  return present<PullOptions>({
    cacheFolder: cacheFolder(),
    endpoint: variable("HF_ENDPOINT"),
    token: variable("HF_TOKEN"),
    offline: offline === undefined ? undefined : /^(?:1|on|yes|true)$/i.test(offline),
  });
}

/** The store of a server that is given none as an option. */
export function storeName(): string | undefined {
  return variable("CONTRAIL_STORE");
}

/** A variable that is set, not empty, and among those that the program may read. */
function variable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) || undefined : undefined;
}
