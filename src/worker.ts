/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/**
 * The engine's Worker: takes commands between steps, runs steps while there is work, and sleeps on
 * the bell otherwise.
 *
 * A Worker that computes without pause does not hear its event loop, so the commands come through a
 * port that is read without waiting; see `protocol.ts`.
 *
 * @module
 */
import { receiveMessageOnPort } from "node:worker_threads";
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import type { Engine } from "./engine/engine.ts";
import { loadEngine } from "./engine/load.ts";
import { Profile } from "./engine/profiling_ops.ts";
import { SharedMask } from "./grammar/mask_memory.ts";
import type { LoadProgress } from "./options.ts";
import type { EngineWork, OperatorTime } from "./reports.ts";
import type { Command, EngineEvent, StartMessage, WorkerMessage } from "./protocol.ts";

/** How long a step waits for readers and masks that lag behind, so that they stay in the batch. */
const GRACE_MS = 1;

/** Tokens of steps shorter than this are told together: each message leaves garbage behind. */
const TELL_MS = 5;

/** How often a load tells how far it is. */
const PROGRESS_MS = 50;

self.onmessage = (message: MessageEvent<StartMessage>) => {
  self.onmessage = null;
  const start = message.data;
  try {
    post({ type: "stopped", profile: run(start) });
  } catch (error) {
    post({
      type: "failed",
      message: error instanceof Error ? error.message : String(error),
    });
  }
};

/** Runs the engine until it is stopped. Gives its operators' times where they are wanted. */
function run(start: StartMessage): OperatorTime[] | undefined {
  using device = Device.open(start.device);
  const native = new NativeOps(device);
  const profile = start.engine.profile ? new Profile(native) : undefined;
  const ops = profile?.ops ?? native;
  using loaded = loadEngine(ops, start.config, start.source, start.engine, tellProgress());
  profile?.clear();
  const { memory, weightsType, weightsFile, fingerprint } = loaded;
  const { library, instructionSet, threads } = device;
  const { backend: name, instructionSet: openedAs } = start.device;
  const backend = { name, library: library.path, openedAs, instructionSet, threads };
  post({ type: "ready", memory, weightsType, weightsFile, backend, fingerprint });
  let untold: EngineEvent[] = [];
  let toldAt = 0;
  for (;;) {
    const rung = Atomics.load(start.bell, 0);
    if (!obey(start, loaded.engine)) return profile?.times();
    if (loaded.engine.awaitsOthers && loaded.engine.busy) {
      // deno-lint-ignore no-explicit-any
      if (Atomics.wait(start.bell as any, 0, rung, GRACE_MS) === "ok") continue;
    }
    untold.push(...loaded.engine.step());
    const now = performance.now();
    if (untold.length > 0 && (now - toldAt >= TELL_MS || isAwaited(untold, loaded.engine))) {
      postEvents(untold, loaded.work.report);
      untold = [];
      toldAt = now;
    } else if (!loaded.engine.busy) {
      // deno-lint-ignore no-explicit-any
      Atomics.wait(start.bell as any, 0, rung);
    }
  }
}

/** Tells how far a load is, at its begin and end and now and then between. */
function tellProgress(): (progress: LoadProgress) => void {
  let told = -Infinity;
  return ({ weights, totalWeights }) => {
    const now = performance.now();
    if (weights > 0 && weights < totalWeights && now - told < PROGRESS_MS) return;
    told = now;
    post({ type: "loading", weights, totalWeights });
  };
}

/** Carries out all commands that have come. Returns false after `stop`. */
function obey(start: StartMessage, engine: Engine): boolean {
  for (;;) {
    // deno-lint-ignore no-explicit-any
    const received = receiveMessageOnPort(start.port as any);
    if (!received) return true;
    const command = received.message as Command;
    switch (command.type) {
      case "open":
        engine.open(command.session, command.attentionBudget);
        break;
      case "restore":
        engine.restore(command.session, new Uint8Array(command.bytes));
        break;
      case "fork":
        engine.fork(command.session, command.from);
        break;
      case "snapshot":
        engine.snapshot(command.session);
        break;
      case "rewind":
        engine.rewind(command.session, command.position);
        break;
      case "append":
        engine.append(
          command.session,
          new Int32Array(command.tokens),
          command.logits,
          command.prefix && new Uint8Array(command.prefix),
        );
        break;
      case "probe":
        engine.probe(command.session, new Int32Array(command.tokens));
        break;
      case "generate":
        engine.generate(command.session, command, command.mask && new SharedMask(command.mask));
        break;
      case "credit":
        engine.credit(command.session, command.tokens);
        break;
      case "cancel":
        engine.cancel(command.session);
        break;
      case "close":
        engine.close(command.session);
        break;
      case "stop":
        return false;
    }
  }
}

/**
 * Whether somebody can do nothing before hearing of one of these events. A first token needs no
 * pass, where its prompt has had one: the next step may be a long one.
 */
function isAwaited(events: readonly EngineEvent[], engine: Engine): boolean {
  return !engine.busy || engine.awaitsOthers ||
    events.some((event) =>
      event.type !== "token" || event.isFirst || event.finishReason !== undefined
    );
}

function postEvents(events: EngineEvent[], work: EngineWork): void {
  const transfer = events.flatMap((event) => {
    if (event.type === "snapshot") return [event.bytes.buffer];
    return event.type === "appended" && event.logits ? [event.logits.buffer] : [];
  });
  post({ type: "events", events, work }, transfer);
}

function post(message: WorkerMessage, transfer: Transferable[] = []): void {
  self.postMessage(message, transfer);
}
