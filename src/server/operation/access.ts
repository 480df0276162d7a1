/**
 * Lets in who has a key for what is asked.
 *
 * @module
 */
import type { Context } from "hono";
import { ApiError } from "../errors.ts";
import type { ApiKey, Scope } from "./api_keys.ts";
import type { KeyFile } from "./key_file.ts";

/** The key that a request has. Throws an {@linkcode ApiError} unless it has one for the scope. */
export async function authorize(c: Context, keys: KeyFile, scope: Scope): Promise<ApiKey> {
  const given = c.req.header("Authorization");
  if (given === undefined) {
    throw unauthorized('There is no key: send one as "Authorization: Bearer KEY"', "no_api_key");
  }
  const [, text] = given.match(/^Bearer +([\w.~+/=-]+) *$/i) ?? [];
  const key = text === undefined ? undefined : await keys.find(text);
  if (!key) throw unauthorized("The key is not one of this server's", "invalid_api_key");
  if (key.scopes.includes(scope)) return key;
  const message = `The key "${key.name}" may not be used for this: use one with "${scope}"`;
  throw new ApiError(403, message, { code: "insufficient_scope" });
}

function unauthorized(message: string, code: string): ApiError {
  return new ApiError(401, message, { code, headers: { "WWW-Authenticate": "Bearer" } });
}
