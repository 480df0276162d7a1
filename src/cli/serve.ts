/**
 * `contrail serve`: the HTTP server.
 *
 * @module
 */
import type { RuntimeOptions } from "../options.ts";
import { serve } from "../server/serve.ts";
import { flag, present, whole } from "./arguments.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";
import { loadModel, MODEL_OPTIONS, SESSIONS_OPTION } from "./model_options.ts";
import { checkAccess, SERVER_OPTIONS, serverOptions } from "./server_options.ts";
import { openStore, STORE_OPTIONS } from "./store_option.ts";

export const serveCommand: Command = {
  summary: "Serve a model over HTTP, for OpenAI clients",
  usage: "[options]",
  options: { ...MODEL_OPTIONS, ...SESSIONS_OPTION, ...STORE_OPTIONS, ...SERVER_OPTIONS },
  example: "--model models/fable --port 8000",
  run: serveModel,
};

async function serveModel(args: CommandArguments): Promise<number> {
  if (args.positionals.length > 0) {
    throw new UsageError(`Unknown argument "${args.positionals[0]}": name a model with --model`);
  }
  const queue = whole(args, "queue", 0);
  const options = serverOptions(args);
  await checkAccess(options, flag(args, "insecure"));
  await using store = await openStore(args);
  const load = () => loadModel(args, present<RuntimeOptions>({ store, queue }));
  await serve(load, { ...options, ready: (url) => console.log(`Listening on ${url}`) });
  return 0;
}
