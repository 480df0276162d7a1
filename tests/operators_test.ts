/**
 * Every case of the operator table on every instruction set, against the reference.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { operatorCases } from "./cases.ts";
import { OPERANDS, type OperatorName, snakeCase } from "./cases/case.ts";
import { Targets } from "./native.ts";
import { checkCase } from "./operator_checks/accuracy.ts";

const CASES = operatorCases();

for (const operator of Object.keys(OPERANDS) as OperatorName[]) {
  Deno.test(`${operator}() agrees with float64 when it runs on any instruction set`, async (t) => {
    using targets = new Targets();
    for (const test of CASES.filter((test) => test.operator === operator)) {
      await t.step(test.name, () => void checkCase(targets.backends, test));
    }
  });
}

Deno.test("operatorCases() has cases for every operator when the header declares it", () => {
  const header = Deno.readTextFileSync(
    new URL("../kernels/include/contrail.h", import.meta.url),
  );
  const declared = new Map<string, string[]>();
  for (const [, name, operands] of header.matchAll(/ct_(\w+)\(ct_device\* device,([^)]*)\)/g)) {
    const tensors = operands!.matchAll(/ct_tensor\*\s+(\w+)/g);
    const names = Array.from(tensors, ([, operand]) => operand!);
    if (names.length) declared.set(name!, names);
  }
  const known = Object.entries(OPERANDS).map(([operator, operands]) =>
    [snakeCase(operator), operands.map(snakeCase)] as const
  );
  assertEquals(Object.fromEntries(known), Object.fromEntries(declared));
  for (const operator of Object.keys(OPERANDS)) {
    assert(CASES.some((test) => test.operator === operator), `${operator} has no case`);
  }
});

Deno.test("operatorCases() gives each case a name of its own when they are listed", () => {
  const names = CASES.map(({ name }) => name);
  assertEquals(names.filter((name, index) => names.indexOf(name) !== index), []);
});
