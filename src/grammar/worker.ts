/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/**
 * A Worker that compiles grammars and matches tokens, beside the engine's. What the library cannot
 * bear ends it: a memory in an unknown state is used no more.
 *
 * @module
 */
import { receiveMessageOnPort } from "node:worker_threads";
import { ring } from "../bell.ts";
import type { MatcherCommand, MatcherEvent, MatcherStart } from "./messages.ts";
import { TokenMasks } from "./token_masks.ts";

/** What the library has said before it gave up: it tells its reason nowhere else. */
const said: string[] = [];
console.error = (...words: unknown[]) => void said.push(words.join(" "));

self.onmessage = async (message: MessageEvent<MatcherStart>) => {
  self.onmessage = null;
  try {
    await run(message.data);
  } catch (error) {
    post({ type: "failed", message: reason(error) });
  }
  self.close();
};

/** Works until it is stopped. */
async function run(start: MatcherStart): Promise<void> {
  const masks = await TokenMasks.load(start.vocabulary, start.mostMs);
  post({ type: "ready" });
  const bell = new Int32Array(start.bell);
  const engineBell = new Int32Array(start.engineBell);
  for (;;) {
    const rung = Atomics.load(bell, 0);
    // Those that generate wait less for one command than for all.
    const command = nextCommand(start.port);
    if (command?.type === "stop") return;
    if (command) await obey(command, masks);
    if (await masks.answer() > 0) ring(engineBell);
    else if (!command) Atomics.wait(bell, 0, rung);
  }
}

function nextCommand(port: MessagePort): MatcherCommand | undefined {
  // deno-lint-ignore no-explicit-any
  return receiveMessageOnPort(port as any)?.message;
}

/** Carries out one command. */
async function obey(
  command: Exclude<MatcherCommand, { type: "stop" }>,
  masks: TokenMasks,
): Promise<void> {
  switch (command.type) {
    case "compile":
      await masks.compile(command.grammar, command.text);
      post({ type: "compiled", grammar: command.grammar });
      break;
    case "forget":
      masks.forget(command.grammar);
      break;
    case "open":
      await masks.open(command.mask, command.grammar, command.memory);
      post({ type: "opened", mask: command.mask });
      break;
    case "close":
      masks.close(command.mask);
      break;
  }
}

/** The library's own words where it has any, without the file that they come from. */
function reason(error: unknown): string {
  const words = said.map((line) => /^\[FATAL\] \S+: (.*)/s.exec(line)?.[1]);
  const word = words.findLast((word) => word !== undefined);
  if (word !== undefined) return word;
  if (error instanceof WebAssembly.RuntimeError) {
    return "it is too much for the matcher, or a rule begins with itself; make it smaller";
  }
  return error instanceof Error ? error.message : String(error);
}

function post(event: MatcherEvent): void {
  self.postMessage(event);
}
