/**
 * `contrail pull`: models from the Hugging Face hub.
 *
 * @module
 */
import type { License, Offer } from "../hub.ts";
import { flag, present, text } from "./arguments.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";
import { hubOptions } from "./environment.ts";
import { lines } from "./lines.ts";
import { bytesText } from "./output.ts";
import { ProgressBar } from "./progress_bar.ts";

export const pullCommand: Command = {
  summary: "Download a model from the Hugging Face hub, and print its folder",
  usage: "[options] ORG/NAME",
  options: {
    revision: { type: "string", value: "NAME", help: "branch, tag or commit (default main)" },
    offline: { type: "boolean", help: "only look for what was downloaded before" },
    yes: { type: "boolean", short: "y", help: "accept the model's license without being asked" },
    json: { type: "boolean", help: "print one JSON object in place of the folder" },
  },
  example: "jet-ai/Jet-Nemotron-2B",
  run: pullModel,
};

async function pullModel(args: CommandArguments): Promise<number> {
  const [name, ...others] = args.positionals;
  if (name === undefined || others.length > 0) {
    throw new UsageError(`${name === undefined ? "No" : "More than one"} model: pass one ORG/NAME`);
  }
  const folder = await download(name, args);
  // The last part of the folder's path is the commit that the revision was.
  const facts = { model: name, commit: folder.split("/").at(-1), folder };
  console.log(flag(args, "json") ? JSON.stringify(facts, undefined, 2) : folder);
  return 0;
}

async function download(name: string, args: CommandArguments): Promise<string> {
  // The other commands start without the hub's client.
  const { pull } = await import("../hub.ts");
  using bar = new ProgressBar();
  return await pull(name, {
    ...hubOptions(),
    ...present<{ revision: string; offline: boolean }>({
      revision: text(args, "revision"),
      offline: flag(args, "offline") || undefined,
    }),
    approve: (offer) => approve(name, offer, flag(args, "yes")),
    progress: (progress) => bar.show(progress),
    log: (line) => bar.log(line),
  });
}

/** Shows the license, and asks whether to go on. Throws an `Error` when the answer is no. */
async function approve(name: string, offer: Offer, accepted: boolean): Promise<void> {
  console.error(licenseText(name, offer.license));
  if (accepted) return;
  if (!Deno.stdin.isTerminal()) {
    throw new UsageError("Cannot ask whether you accept the license: pass --yes if you do");
  }
  const question = `Accept these terms and download ${bytesText(offer.bytes)}? [y/N] `;
  Deno.stderr.writeSync(new TextEncoder().encode(question));
  const { value = "" } = await lines(Deno.stdin.readable).next();
  if (!/^y(?:es)?$/i.test(value.trim())) throw new Error("Nothing was downloaded");
}

/** The license as it can be shown in a terminal. */
function licenseText(name: string, { name: license, link, text }: License): string {
  const known = license ?? "not named by its model card";
  const parts = [`License of ${name}: ${known}${link === undefined ? "" : ` (${link})`}`];
  if (text !== undefined) parts.push(text.trimEnd());
  else parts.push("Its repository has no license file: read its model card before you use it.");
  // Control characters could hide or forge what the terminal shows.
  // deno-lint-ignore no-control-regex
  return parts.join("\n\n").replaceAll(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, " ");
}
