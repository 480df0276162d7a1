import { assertEquals, assertThrows } from "@std/assert";
import type { TensorEntry } from "../src/checkpoint/checkpoint.ts";
import { readFloats } from "../src/checkpoint/read_floats.ts";
import { ELEMENT_BYTES } from "../src/ops.ts";
import { Random } from "./cases/random.ts";
import { fromFile } from "./reference/numbers.ts";

Deno.test("readFloats() gives a part of a tensor of each type, bit for bit", () => {
  const random = new Random(5);
  const path = Deno.makeTempFileSync({ prefix: "contrail-" });
  try {
    const bytes = Uint8Array.from({ length: 400 }, () => random.below(256));
    Deno.writeFileSync(path, bytes);
    using file = Deno.openSync(path);
    for (const type of ["f32", "bf16", "f16"] as const) {
      const size = ELEMENT_BYTES[type];
      const entry: TensorEntry = {
        ...{ name: "x", dtype: "", shape: [40], path },
        ...{ offset: 6, bytes: 40 * size, type },
      };
      const wanted = fromFile(bytes.subarray(6 + 11 * size, 6 + 31 * size), type);
      assertEquals(Float64Array.from(readFloats(file, entry, 11, 20)), wanted);
      assertThrows(() => readFloats(file, entry, 390, 20), Error, "too early");
    }
  } finally {
    Deno.removeSync(path);
  }
});
