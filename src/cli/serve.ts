/**
 * `contrail serve`: the HTTP server.
 *
 * @module
 */
import { KeyFile } from "../server/operation/key_file.ts";
import { serve, type ServeOptions } from "../server/serve.ts";
import { flag, present, text, whole } from "./arguments.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";
import { loadModel, MODEL_OPTIONS, SESSIONS_OPTION } from "./model_options.ts";
import { openStore, STORE_OPTIONS } from "./store_option.ts";

export const serveCommand: Command = {
  summary: "Serve a model over HTTP, for OpenAI clients",
  usage: "[options]",
  options: {
    ...MODEL_OPTIONS,
    ...SESSIONS_OPTION,
    ...STORE_OPTIONS,
    host: { type: "string", value: "ADDRESS", help: "listen here (default 127.0.0.1)" },
    port: { type: "string", value: "N", help: "port (default 8000); 0 takes a free one" },
    keys: { type: "string", value: "FILE", help: "clients need a key of this file: contrail keys" },
    insecure: { type: "boolean", help: "listen for other machines, although nobody needs a key" },
  },
  example: "--model models/fable --port 8000",
  run: serveModel,
};

async function serveModel(args: CommandArguments): Promise<number> {
  if (args.positionals.length > 0) {
    throw new UsageError(`Unknown argument "${args.positionals[0]}": name a model with --model`);
  }
  const port = whole(args, "port", 0, 65535);
  const options = present<ServeOptions>({
    hostname: text(args, "host"),
    port,
    keys: text(args, "keys"),
  });
  await checkAccess(options, flag(args, "insecure"));
  await using store = await openStore(args);
  await using runtime = await loadModel(args, store ? { store } : {});
  await serve(runtime, options);
  return 0;
}

/** What is wrong with who may use the server shows before the model is loaded. */
async function checkAccess({ hostname, keys }: ServeOptions, insecure: boolean): Promise<void> {
  if (keys !== undefined) return await new KeyFile(keys).load();
  if (insecure || hostname === undefined || isLoopback(hostname)) return;
  throw new UsageError(
    `On ${hostname}, other machines can use the server and nobody needs a key: pass --keys FILE, ` +
      `which "contrail keys add" writes, or --insecure`,
  );
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(?:\.\d+){3}$/.test(hostname);
}
