/**
 * Registers every check of the operator table as a test, for backends that run the kernels of GPUs.
 *
 * @module
 */
import { operatorCases } from "../cases.ts";
import { OPERANDS, type OperatorCase, type OperatorName } from "../cases/case.ts";
import { type Library, type Target, Targets } from "../native.ts";
import { checkCase } from "./accuracy.ts";
import { checkError, wrongCalls } from "./errors.ts";
import {
  checkEmpty,
  checkSegments,
  checkThreads,
  checkTokens,
  checkWindow,
  plainCases,
} from "./invariants.ts";
import { checkLoad } from "./load.ts";
import { checkLoadPacked, checkRounding } from "./packed.ts";
import { checkRecording, checkReplay } from "./recording.ts";

/** Where the operators run, in the names of tests: `on` follows "on"; why not, if they cannot. */
export interface Place {
  readonly library: Library;
  readonly on: string;
  readonly ignore?: boolean;
}

/** Registers the tests. */
export function testOperators(place: Place): void {
  const cases = operatorCases();
  testAccuracy(place, cases);
  testAll(place, "operators give the same bits when tokens come one by one", cases, checkTokens);
  testAll(
    place,
    "operators give the same bits when segments come one by one",
    cases,
    checkSegments,
  );
  testAll(
    place,
    "attention over a window gives the same bits whatever is listed before it",
    cases,
    checkWindow,
  );
  testAll(
    place,
    "operators change nothing when there are no tokens",
    plainCases(cases),
    checkEmpty,
  );
  // On the emulator the order of threads and blocks is another with each launch.
  const same = "operators give the same bits when the order of threads and the layout differ";
  testAll(place, same, cases, (ops, test, { one }) => checkThreads(one, ops, test));
  testAll(place, "operators give the same bits when they are recorded", cases, checkReplay);
  testOnce(place, "recordings replay, and refuse what cannot be recorded,", ({ several }) => {
    checkRecording(several);
  });
  testOnce(place, "operators refuse a call when an operand is wrong", ({ several }) => {
    for (const wrongCall of wrongCalls()) checkError(several, wrongCall);
  });
  testOnce(place, "weights are loaded and rounded as for the CPU when they are", ({ several }) => {
    checkLoad(several);
    checkRounding(several);
    checkLoadPacked(several);
  });
}

function testAccuracy(place: Place, cases: readonly OperatorCase[]): void {
  for (const operator of Object.keys(OPERANDS) as OperatorName[]) {
    Deno.test({
      name: `${operator}() agrees with float64 when it runs on ${place.on}`,
      ignore: place.ignore ?? false,
      fn: async (t) => {
        using targets = new Targets(place.library);
        const { several: ops } = targets.all[0]!;
        for (const test of cases.filter((test) => test.operator === operator)) {
          await t.step(test.name, () => void checkCase([{ name: place.on, ops }], test));
        }
      },
    });
  }
}

/** Registers a check of all cases as one test. */
function testAll(
  place: Place,
  name: string,
  cases: readonly OperatorCase[],
  check: (ops: Target["several"], test: OperatorCase, target: Target) => void,
): void {
  testOnce(place, name, (target) => {
    for (const test of cases) {
      try {
        check(target.several, test, target);
      } catch (cause) {
        const text = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`${test.name}: ${text}`, { cause });
      }
    }
  });
}

function testOnce({ library, on, ignore }: Place, name: string, run: (target: Target) => void) {
  Deno.test({
    name: `${name} on ${on}`,
    ignore: ignore ?? false,
    fn: () => {
      using targets = new Targets(library);
      run(targets.all[0]!);
    },
  });
}
