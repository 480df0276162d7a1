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
    self.close();
  }
};

async function run(start: MatcherStart): Promise<never> {
  const masks = await TokenMasks.load(start.vocabulary);
  post({ type: "ready" });
  const bell = new Int32Array(start.bell);
  const engineBell = new Int32Array(start.engineBell);
  for (;;) {
    const rung = Atomics.load(bell, 0);
    // Those that generate wait less for one command than for all.
    const isIdle = !await obey(start.port, masks);
    if (await masks.answer() > 0) ring(engineBell);
    else if (isIdle) Atomics.wait(bell, 0, rung);
  }
}

/** Carries out one command. Returns false when there is none. */
async function obey(port: MessagePort, masks: TokenMasks): Promise<boolean> {
  // deno-lint-ignore no-explicit-any
  const received = receiveMessageOnPort(port as any);
  if (!received) return false;
  const command = received.message as MatcherCommand;
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
  return true;
}

/** The library's own words where it has any, without the file that they come from. */
function reason(error: unknown): string {
  const words = said.map((line) => /^\[FATAL\] \S+: (.*)/s.exec(line)?.[1]);
  return words.findLast((word) => word !== undefined) ??
    (error instanceof Error ? error.message : String(error));
}

function post(event: MatcherEvent): void {
  self.postMessage(event);
}
