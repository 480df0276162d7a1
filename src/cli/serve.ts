/**
 * `contrail serve`: the HTTP server.
 *
 * @module
 */
import { serve } from "../server/serve.ts";
import { present, text, whole } from "./arguments.ts";
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
  },
  example: "--model models/fable --port 8000",
  run: serveModel,
};

async function serveModel(args: CommandArguments): Promise<number> {
  if (args.positionals.length > 0) {
    throw new UsageError(`Unknown argument "${args.positionals[0]}": name a model with --model`);
  }
  const port = whole(args, "port", 0, 65535);
  const options = present<{ hostname: string; port: number }>({
    hostname: text(args, "host"),
    port,
  });
  await using store = await openStore(args);
  await using runtime = await loadModel(args, store ? { store } : {});
  await serve(runtime, options);
  return 0;
}
