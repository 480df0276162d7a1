/**
 * The options of the HTTP server.
 *
 * @module
 */
import { KeyFile } from "../server/operation/key_file.ts";
import type { ServeOptions } from "../server/serve.ts";
import { bytes, flag, number, present, text, texts, whole } from "./arguments.ts";
import { type CommandArguments, type OptionHelp, UsageError } from "./command.ts";
import { whereThere } from "./keys.ts";

export const SERVER_OPTIONS: Readonly<Record<string, OptionHelp>> = {
  queue: {
    type: "string",
    value: "N",
    help: "requests that may wait for a session (default 1024)",
  },
  host: { type: "string", value: "ADDRESS", help: "listen here (default 127.0.0.1)" },
  port: { type: "string", value: "N", help: "port (default 8000); 0 takes a free one" },
  keys: { type: "string", value: "FILE", help: "clients need a key of this file: contrail keys" },
  insecure: { type: "boolean", help: "listen for other machines, although nobody needs a key" },
  cors: {
    type: "string",
    multiple: true,
    value: "ORIGIN",
    help: "pages of this origin may ask, such as https://example.com, or * (repeatable)",
  },
  "rate-limit": {
    type: "string",
    value: "N",
    help: "requests a minute for each key, or for all without keys (default: any)",
  },
  "sessions-per-key": {
    type: "string",
    value: "N",
    help: "sessions that each key may have, or all clients without keys (default: any)",
  },
  "max-tokens": {
    type: "string",
    value: "N",
    help: "most tokens of an answer, whatever is asked for (default: any)",
  },
  "max-body": { type: "string", value: "BYTES", help: "of a request (default 4MiB)" },
  "idle-timeout": {
    type: "string",
    value: "SECONDS",
    help: "that a client may take to send or read on (default 60; 0: any)",
  },
  "resume-window": {
    type: "string",
    value: "SECONDS",
    help: "that a resumable stream waits for its client (default 30; 0: not at all)",
  },
  drain: {
    type: "string",
    value: "SECONDS",
    help: "that running requests have to finish at SIGTERM or SIGINT (default 30)",
  },
  "log-prompts": { type: "boolean", help: "log what is asked as well, prompts included" },
};

/** What the arguments say of the server. */
export function serverOptions(args: CommandArguments): ServeOptions {
  const idle = seconds(args, "idle-timeout");
  return present<ServeOptions>({
    hostname: text(args, "host"),
    port: whole(args, "port", 0, 65535),
    keys: text(args, "keys"),
    cors: texts(args, "cors").map(origin),
    requestsPerMinute: whole(args, "rate-limit", 1),
    sessionsPerKey: whole(args, "sessions-per-key", 1),
    maxTokens: whole(args, "max-tokens", 1),
    maxBodyBytes: bytes(args, "max-body"),
    resumeWindow: seconds(args, "resume-window"),
    grace: seconds(args, "drain"),
    logPrompts: flag(args, "log-prompts"),
    idleTimeout: idle === 0 ? Infinity : idle,
  });
}

/** What is wrong with who may use the server shows before the model is loaded. */
export async function checkAccess(
  { hostname, keys }: ServeOptions,
  insecure: boolean,
): Promise<void> {
  if (keys !== undefined) return await whereThere(keys, () => new KeyFile(keys).load());
  if (insecure || hostname === undefined || isLoopback(hostname)) return;
  throw new UsageError(
    `On ${hostname}, other machines can use the server and nobody needs a key: pass --keys FILE, ` +
      `which "contrail keys add" writes, or --insecure`,
  );
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(?:\.\d+){3}$/.test(hostname);
}

function origin(given: string): string {
  if (given === "*" || (URL.canParse(given) && new URL(given).origin === given)) return given;
  throw new UsageError(`--cors is "${given}": pass an origin such as https://example.com, or *`);
}

/** Seconds as milliseconds, as many as a timer can wait. */
function seconds(args: CommandArguments, name: string): number | undefined {
  const value = number(args, name);
  if (value === undefined || (value >= 0 && value <= 2_000_000)) return value && value * 1000;
  throw new UsageError(`--${name} is ${value}: pass seconds from 0 to 2000000`);
}
