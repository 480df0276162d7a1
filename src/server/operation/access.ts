/**
 * Lets in who has a key for what is asked.
 *
 * @module
 */
import type { Context } from "hono";
import { ApiError } from "../errors.ts";
import type { ApiKey, Scope } from "./api_keys.ts";
import type { KeyFile } from "./key_file.ts";

/** The key that a request has. Throws an {@linkcode ApiError} unless it has one. */
export async function identify(c: Context, keys: KeyFile): Promise<ApiKey> {
  const given = c.req.header("Authorization");
  if (given === undefined) {
    throw unauthorized('There is no key: send one as "Authorization: Bearer KEY"', "no_api_key");
  }
  const [, text] = given.match(/^Bearer +([\w.~+/=-]+) *$/i) ?? [];
  const key = text === undefined ? undefined : await keys.find(text);
  if (!key) throw unauthorized("The key is not one of this server's", "invalid_api_key");
  return key;
}

/** Throws an {@linkcode ApiError} unless the key is for this. */
export function expectScope(key: ApiKey, scope: Scope): void {
  if (key.scopes.includes(scope)) return;
  const message = `The key "${key.name}" may not be used for this: use one with "${scope}"`;
  throw new ApiError(403, message, { code: "insufficient_scope" });
}

function unauthorized(message: string, code: string): ApiError {
  return new ApiError(401, message, { code, headers: { "WWW-Authenticate": "Bearer" } });
}
