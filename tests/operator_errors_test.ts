/**
 * Wrong calls fail with an error that names operator and operand, and change nothing.
 *
 * @module
 */
import { Targets } from "./native.ts";
import { checkError, wrongCalls } from "./operator_checks/errors.ts";

Deno.test("operators refuse a call when an operand is wrong", async (t) => {
  using targets = new Targets();
  const { several } = targets.all[0]!; // the checks are the same on every instruction set
  for (const wrongCall of wrongCalls()) {
    await t.step(wrongCall.name, () => checkError(several, wrongCall));
  }
});
