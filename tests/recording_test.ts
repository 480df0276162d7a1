/**
 * Passes that are replayed, against passes that run operator by operator, bit for bit.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import { parseConfig } from "../src/config.ts";
import type { Engine } from "../src/engine/engine.ts";
import { loadEngine } from "../src/engine/load.ts";
import { PassRecordings } from "../src/engine/pass_recordings.ts";
import type { RuntimeOptions } from "../src/options.ts";
import type { RecordingOps } from "../src/recording.ts";
import { engineOptions } from "../src/runtime_options.ts";
import { FABLE, PROMPT_IDS } from "./fable.ts";
import { PLAIN_SAMPLING } from "./sampling.ts";

const SAMPLING = { ...PLAIN_SAMPLING, temperature: 0.8 };

/** What a session came to: its tokens, and all its states and logits in a snapshot. */
interface Outcome {
  readonly tokens: readonly number[];
  readonly snapshot: Uint8Array;
}

/** A session to run: a prompt, and how many tokens follow it. */
interface Plan {
  readonly prompt: readonly number[];
  readonly count: number;
  readonly seed: number;
}

/** Counts what is recorded and replayed. */
class CountingOps {
  readonly ops: NativeOps;
  recorded = 0;
  replayed = 0;

  /** Where `records` is false, operators run eagerly. */
  constructor(device: Device, records: boolean) {
    const native = new NativeOps(device);
    this.ops = new Proxy(native, {
      get: (_, name: keyof NativeOps) => {
        if (name === "records") return records && native.records;
        if (name === "record") return (calls: () => void) => this.#record(native, calls);
        const value = native[name];
        return typeof value === "function" ? value.bind(native) : value;
      },
    });
  }

  #record(native: NativeOps, calls: () => void) {
    this.recorded++;
    const recording = native.record(calls);
    return {
      launches: recording.launches,
      replay: () => {
        this.replayed++;
        recording.replay();
      },
      [Symbol.dispose]: () => recording[Symbol.dispose](),
    };
  }
}

/** Runs all plans at once on an engine on the emulator. */
function runPlans(
  plans: readonly Plan[],
  records: boolean,
  options: RuntimeOptions = {},
  folder = FABLE,
) {
  const config = parseConfig(readJson(`${folder}/config.json`), folder);
  using device = Device.open({ backend: "emulator" });
  const counts = new CountingOps(device, records);
  const complete = engineOptions({ sessions: 2, cacheType: "f32", ...options }, config);
  let outcomes: Outcome[];
  {
    const source = { kind: "checkpoint", folder } as const;
    using loaded = loadEngine(counts.ops, config, source, complete);
    outcomes = generateAll(loaded.engine, plans, complete.attentionBudget);
  }
  assertEquals(counts.ops.bytes, 0);
  return { outcomes, recorded: counts.recorded, replayed: counts.replayed };
}

function generateAll(engine: Engine, plans: readonly Plan[], budget: number): Outcome[] {
  for (const [id, { prompt }] of plans.entries()) {
    engine.open(id, budget);
    engine.append(id, Int32Array.from(prompt), "none");
  }
  while (engine.busy) engine.step();
  for (const [id, { count, seed }] of plans.entries()) {
    const sampling = { ...SAMPLING, seed };
    engine.generate(id, { sampling, endTokens: [], maxTokens: count, credit: count });
  }
  const tokens = plans.map((): number[] => []);
  while (engine.busy) {
    for (const event of engine.step()) {
      assertNotEquals(event.type, "failed");
      if (event.type === "token") tokens[event.session]!.push(event.id);
    }
  }
  for (const id of plans.keys()) engine.snapshot(id);
  const events = engine.step().filter((event) => event.type === "snapshot");
  return events.map(({ session, bytes }) => ({ tokens: tokens[session]!, snapshot: bytes }));
}

const TINY = decodeURIComponent(new URL("golden/tiny-2b", import.meta.url).pathname);
const PLAN: Plan = { prompt: PROMPT_IDS, count: 8, seed: 1 };
const OTHER: Plan = { prompt: PROMPT_IDS.slice(0, 3).reverse(), count: 6, seed: 2 };

for (const weights of ["f32", "q4"] as const) {
  Deno.test(`a generation is the same when its steps are replayed in ${weights}`, () => {
    const eager = runPlans([PLAN], false, { weights });
    const replayed = runPlans([PLAN], true, { weights });
    assertEquals(eager.recorded, 0);
    assertEquals([replayed.recorded, replayed.replayed], [1, 6]); // the first of 7 ran eagerly
    assertEquals(replayed.outcomes[0]!.tokens.length, 8);
    assertEquals(replayed.outcomes, eager.outcomes);
  });
}

Deno.test("a batch gives each session what it gives alone when all steps are replayed", () => {
  const both = runPlans([PLAN, OTHER], true);
  const alone = [PLAN, OTHER].map((plan) => runPlans([plan], true).outcomes[0]);
  assert(both.recorded >= 2, `${both.recorded} recorded`); // of one session and of two
  assertEquals(both.outcomes, alone);
});

Deno.test("pages are evicted and chosen as ever when steps are replayed", () => {
  const prompt = Array.from({ length: 120 }, (_, i) => i * i % 50);
  const plan = { prompt, count: 50, seed: 3 };
  const options = { attentionBudget: 144, attentionRead: 128 };
  const eager = runPlans([plan], false, options, TINY);
  const replayed = runPlans([plan], true, options, TINY);
  assert(replayed.replayed >= 48, `${replayed.replayed} replayed`);
  assertEquals(replayed.outcomes, eager.outcomes);
});

/** Operators whose recordings run what they were made of, and that count those that are left. */
class PlainOps implements RecordingOps {
  readonly records = true;
  made = 0;
  open = 0;

  record(calls: () => void) {
    this.made++;
    this.open++;
    return { launches: 1, replay: calls, [Symbol.dispose]: () => void this.open-- };
  }
}

Deno.test("PassRecordings records what comes again and forgets the oldest when many do", () => {
  const ops = new PlainOps();
  {
    using recordings = new PassRecordings<number>(ops);
    const run = (shape: number) => recordings.run(`${shape}`, () => shape);
    for (let time = 0; time < 3; time++) {
      for (let shape = 0; shape < 32; shape++) assertEquals(run(shape), shape);
      assertEquals(ops.made, time === 0 ? 0 : 32);
    }
    run(0);
    run(100); // in place of 1
    assertEquals(ops.open, 31);
    run(0);
    assertEquals(ops.made, 32);
    run(1); // in place of 2
    run(1);
    assertEquals([ops.made, ops.open], [33, 31]);
  }
  assertEquals(ops.open, 0);
});

Deno.test("PassRecordings begins anew when a replay fails", () => {
  const ops = new PlainOps();
  using recordings = new PassRecordings<string>(ops);
  let fails = false;
  const run = () =>
    recordings.run("1 1", () => {
      if (fails) throw new Error("the GPU is gone");
      return "hidden";
    });
  run();
  run();
  fails = true;
  assertThrows(run, Error, "the GPU is gone");
  assertEquals(ops.open, 0);
  fails = false;
  assertEquals([run(), run(), run()], ["hidden", "hidden", "hidden"]);
  assertEquals([ops.made, ops.open], [2, 1]);
});

Deno.test("PassRecordings runs what the device refuses to record, each time", () => {
  const ops = new PlainOps();
  let ran = 0;
  const refusing: RecordingOps = {
    records: true,
    record(calls) {
      if (ops.made === 1) throw new Error("no room for a graph");
      return ops.record(calls);
    },
  };
  {
    using recordings = new PassRecordings<string>(refusing);
    const run = (shape: string) => recordings.run(shape, () => `${shape} ${++ran}`);
    assertEquals([run("a"), run("a"), ran], ["a 1", "a 1", 2]);
    assertEquals(recordings.refusal, undefined);
    assertEquals([run("b"), run("b"), run("b"), ran], ["b 3", "b 4", "b 5", 5]);
    assertEquals([recordings.refused, recordings.refusal], [1, "no room for a graph"]);
    assertEquals([run("a"), ran], ["a 1", 6]);
    const fails = () => {
      throw new Error("the GPU is gone");
    };
    assertThrows(() => recordings.run("b", fails), Error, "the GPU is gone");
    assertEquals([run("b"), ops.made, ops.open], ["b 7", 1, 1]);
  }
  assertEquals(ops.open, 0);
});

Deno.test("NativeOps.record() says so when the device runs operators eagerly", () => {
  using device = Device.open({ threads: 1 });
  const ops = new NativeOps(device);
  assertEquals(ops.records, false);
  assertThrows(
    () => ops.record(() => {}),
    Error,
    "ct_record_begin: this device runs operators eagerly; call them each time",
  );
});
