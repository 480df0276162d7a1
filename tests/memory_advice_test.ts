/**
 * What a load says when memory runs out, and that its advice is true.
 *
 * @module
 */
import { assertMatch, assertThrows } from "@std/assert";
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import { parseConfig } from "../src/config.ts";
import { loadEngine } from "../src/engine/load.ts";
import type { RuntimeOptions } from "../src/options.ts";
import { engineOptions } from "../src/runtime_options.ts";
import { OutOfMemoryError } from "../src/weight_memory.ts";
import { FABLE } from "./fable.ts";

/** Operators on a device that has so many bytes and no more. */
function limited(device: Device, most: number): NativeOps {
  const ops = new NativeOps(device);
  return new Proxy(ops, {
    get(_, name: keyof NativeOps) {
      const value = ops[name];
      if (typeof value !== "function") return value;
      if (name !== "tensor" && name !== "packed") return value.bind(ops);
      return (...args: unknown[]) => {
        const made = Reflect.apply(value, ops, args);
        if (ops.bytes <= most) return made;
        made[Symbol.dispose]();
        const text = "ct_buffer_create: out of memory for 12 bytes; ask for less or free some";
        throw new OutOfMemoryError(text, ops.bytes);
      };
    },
  });
}

/** Loads the small model where `most` bytes are to be had. Returns the bytes that it takes. */
function load(most: number, options: RuntimeOptions): number {
  const config = parseConfig(readJson(`${FABLE}/config.json`), FABLE);
  using device = Device.open({ threads: 1 });
  const ops = limited(device, most);
  const source = { kind: "checkpoint", folder: FABLE } as const;
  using loaded = loadEngine(ops, config, source, engineOptions(options, config));
  return loaded.memory.weights + loaded.memory.scratch + loaded.memory.session * options.sessions!;
}

/** What a load that fails says, and what it advises, each a set of options. */
function adviceFor(most: number, options: RuntimeOptions) {
  const { message } = assertThrows(() => load(most, options), OutOfMemoryError);
  const [, advice] = message.split("; pass ");
  const sets = advice?.split(" or ").map((text) => ({
    ...options,
    ...text.includes("weights") && { weights: text.match(/"(q\d)"/)![1] as "q8" | "q4" },
    ...text.includes("sessions") && { sessions: Number(text.match(/sessions: (\d+)/)![1]) },
  }));
  return { message, sets: sets ?? [] };
}

const OPTIONS = { weights: "f32", sessions: 4 } as const;

Deno.test("loadEngine() says which options fit when memory runs out, and they do", () => {
  const all = load(Infinity, OPTIONS);
  for (const share of [0.95, 0.8, 0.6, 0.4, 0.3]) {
    const { message, sets } = adviceFor(share * all, OPTIONS);
    assertMatch(message, /^ct_buffer_create: out of memory for 12 bytes, when the model had \d+: /);
    assertMatch(message, /its weights \(f32\) need \d+ bytes and 4 sessions \d+ each; pass /);
    for (const options of sets) load(share * all, options);
  }
});

Deno.test("loadEngine() says so when nothing fits", () => {
  const { message } = adviceFor(1e5, OPTIONS);
  assertMatch(message, /; take a smaller model, or a device with more memory$/);
});
