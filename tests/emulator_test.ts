/**
 * The kernels of GPUs on the emulator: every check of the operator table.
 *
 * @module
 */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Targets } from "./native.ts";
import { testOperators } from "./operator_checks/register.ts";

testOperators({ library: "emulator", on: "the emulator" });

Deno.test("the emulator says so when an index that a kernel wrote is in no buffer", () => {
  using targets = new Targets("emulator");
  const { several: ops } = targets.all[0]!;
  using x = ops.tensor("f32", 1, 9);
  using tokens = ops.tensor("i32", 1, 1);
  using table = ops.tensor("f32", 8, 2);
  using out = ops.tensor("f32", 1, 2);
  ops.write(table, Float32Array.from({ length: 16 }, (_, index) => index));
  const greatestAt = (place: number) => {
    ops.write(x, Float32Array.from({ length: 9 }, (_, index) => index === place ? 1 : 0));
    ops.argmax(tokens, x);
  };
  greatestAt(8);
  const { message } = assertThrows(() => ops.embedding(out, table, tokens), Error);
  assertMatch(message, /^ct_embedding: thread .* for element 1[67] of buffer 1, which has 16$/);
  greatestAt(5);
  ops.embedding(out, table, tokens);
  const result = new Float32Array(2);
  ops.read(out, result);
  assertEquals([...result], [10, 11]);
});
