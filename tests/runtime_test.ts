import { assert, assertEquals, assertRejects } from "@std/assert";
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import { parseConfig } from "../src/config.ts";
import { loadEngine } from "../src/engine/load.ts";
import type { LoadProgress } from "../src/options.ts";
import { tensorShapes } from "../src/model/tensor_shapes.ts";
import { engineOptions } from "../src/runtime_options.ts";
import { FABLE, loadFable, PROMPT_IDS } from "./fable.ts";
import { Folder } from "./stores.ts";

Deno.test("Runtime.session() fails when all sessions are in use", async () => {
  await using runtime = await loadFable();
  const first = await runtime.session();
  await using _second = await runtime.session();
  await assertRejects(() => runtime.session(), Error, "All 2 sessions are in use");
  await first.close();
  await using _third = await runtime.session();
  await assertRejects(() => runtime.session(), Error, "All 2 sessions are in use");
});

Deno.test("Runtime.session() waits its turn when it is told to", async () => {
  await using runtime = await loadFable({ sessions: 1 });
  const first = await runtime.session();
  const order: string[] = [];
  const wait = async (name: string, signal?: AbortSignal) => {
    await using _session = await runtime.session({ wait: true, ...(signal ? { signal } : {}) });
    await assertRejects(() => runtime.session(), Error, "All 1 sessions are in use");
    order.push(name);
  };
  const controller = new AbortController();
  const waiting = [wait("second"), wait("third", controller.signal), wait("fourth")];
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting[1]!, Error, "enough");
  assertEquals(order, []);
  await first.close();
  await Promise.all([waiting[0], waiting[2]]);
  assertEquals(order, ["second", "fourth"]);
});

Deno.test("Session.close() ends what the session does when it is busy", async () => {
  await using runtime = await loadFable({ sessions: 1 });
  const session = await runtime.session();
  await session.append(PROMPT_IDS);
  const generate = session.generate({ ignoreEos: true });
  await generate.next();
  const ended = assertRejects(() => Array.fromAsync(generate), Error, "closed");
  await session.close();
  await ended;
  await session.close(); // a second time does nothing
  await assertRejects(() => session.append(PROMPT_IDS), Error, "The session is closed");
  await using _other = await runtime.session();
});

Deno.test("Runtime.session() is empty when another session had its memory", async () => {
  await using runtime = await loadFable({ sessions: 1 });
  const session = await runtime.session();
  const logits = await session.append(PROMPT_IDS);
  await session.append(PROMPT_IDS.toReversed());
  await session.close();
  await using next = await runtime.session();
  assertEquals(next.position, 0);
  assertEquals(await next.append(PROMPT_IDS), logits);
});

Deno.test("Runtime.close() ends everything when sessions run and wait", async () => {
  const runtime = await loadFable({ sessions: 1 });
  const session = await runtime.session();
  await session.append(PROMPT_IDS);
  const generate = session.generate({ ignoreEos: true });
  await generate.next();
  const ended = [
    assertRejects(() => Array.fromAsync(generate), Error, "closed"),
    assertRejects(() => runtime.session({ wait: true }), Error, "The runtime was closed"),
  ];
  await Promise.all([runtime.close(), runtime.close(), ...ended]);
  await assertRejects(() => runtime.session(), Error, "The runtime is closed");
  await assertRejects(() => session.append(PROMPT_IDS), Error, "closed");
});

Deno.test("Runtime.memory counts all bytes when sessions and types differ", async () => {
  const sizes = async (options: Parameters<typeof loadFable>[0]) => {
    await using runtime = await loadFable(options);
    await using session = await runtime.session();
    assertEquals(session.bytes, runtime.memory.session);
    assertEquals(runtime.memory.sessions, options!.sessions);
    return runtime.memory;
  };
  const [one, three] = [await sizes({ sessions: 1 }), await sizes({ sessions: 3 })];
  const shapes = tensorShapes(parseConfig(readJson(`${FABLE}/config.json`), FABLE));
  const elements = shapes.values().reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0);
  assertEquals(one.weights, 4 * elements);
  assertEquals([three.weights, three.session], [one.weights, one.session]);
  const halves = await sizes({ sessions: 1, weights: "bf16", cacheType: "bf16" });
  assert(halves.weights < 0.6 * one.weights && halves.weights >= 0.5 * one.weights);
  assert(halves.session < one.session);
});

Deno.test("Runtime.load() tells how far it is when it loads or maps weights", async () => {
  await using folder = new Folder();
  for (const mapped of [false, true]) {
    const told: LoadProgress[] = [];
    const progress = (now: LoadProgress) => void told.push(now);
    await using runtime = await loadFable({ weights: "q8", cache: folder.path, progress });
    assertEquals(runtime.weightsFile !== undefined, mapped);
    const shapes = tensorShapes(runtime.config);
    const total = shapes.values().reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0);
    assert(told.every(({ totalWeights }) => totalWeights === total));
    const weights = told.map(({ weights }) => weights);
    assertEquals([weights[0], weights.at(-1)], [0, total]);
    assertEquals(weights, weights.toSorted((a, b) => a - b));
  }
});

Deno.test("loadEngine() reports every byte when it takes memory, and frees it all", () => {
  const config = parseConfig(readJson(`${FABLE}/config.json`), FABLE);
  using device = Device.open({ threads: 1 });
  const ops = new NativeOps(device);
  for (const sessions of [1, 4]) {
    const options = engineOptions({ sessions }, config);
    {
      const source = { kind: "checkpoint", folder: FABLE } as const;
      using loaded = loadEngine(ops, config, source, options);
      const { weights, scratch, session } = loaded.memory;
      assertEquals(weights + scratch + session * sessions, ops.bytes);
      assert(weights > 0 && scratch > 0 && session > 0);
    }
    assertEquals(ops.bytes, 0);
  }
});
