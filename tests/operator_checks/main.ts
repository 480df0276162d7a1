/**
 * Runs every check of the operators on the best instruction set of the CPU's library, or on the
 * emulator where that is the argument, until one fails: the mutation tool starts this beside each
 * library that it builds.
 *
 * @module
 */
import { Device } from "../../ffi/device.ts";
import { BACKENDS } from "../../kernels/build.ts";
import { operatorCases } from "../cases.ts";
import { longRecurrence } from "../cases/recurrent.ts";
import { Targets } from "../native.ts";
import { checkCase } from "./accuracy.ts";
import { checkDrift, checkRoundedDrift } from "./drift.ts";
import { checkError, wrongCalls } from "./errors.ts";
import { checkLoad } from "./load.ts";
import { checkLoadPacked, checkRounding } from "./packed.ts";
import { checkRecording, checkReplay } from "./recording.ts";
import {
  checkEmpty,
  checkSegments,
  checkThreads,
  checkTokens,
  checkWindow,
  plainCases,
} from "./invariants.ts";

/** Throws where a check fails, with an error that begins with its name. */
function checkAll(targets: Targets): void {
  const cases = operatorCases();
  const { one, several } = targets.all[0]!;
  for (const test of cases) named(test.name, () => checkCase(targets.backends, test));
  named("load()", () => checkLoad(several));
  named("packed write()", () => checkRounding(several));
  named("loadPacked()", () => checkLoadPacked(several));
  for (const wrongCall of wrongCalls()) named(wrongCall.name, () => checkError(several, wrongCall));
  for (const test of cases) {
    named(`${test.name}, token by token`, () => checkTokens(several, test));
    named(`${test.name}, its window alone`, () => checkWindow(several, test));
    named(`${test.name}, segment by segment`, () => checkSegments(several, test));
    named(`${test.name}, on other threads`, () => checkThreads(one, several, test));
  }
  if (several.records) {
    named("record()", () => checkRecording(several));
    for (const test of cases) named(`${test.name}, replayed`, () => checkReplay(several, test));
  }
  for (const test of plainCases(cases)) {
    named(`${test.name}, without tokens`, () => checkEmpty(several, test));
  }
  for (const chunk of [0, 64]) {
    const test = longRecurrence(2048, chunk);
    named(test.name, () => checkDrift(several, test));
  }
  const rounded = longRecurrence(2048, 0, "bf16");
  named(rounded.name, () => checkRoundedDrift(several, rounded));
}

function named(name: string, check: () => unknown): void {
  try {
    check();
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${name}: ${text}`, { cause });
  }
}

if (import.meta.main) {
  const library = BACKENDS.find((name) => name === Deno.args[0]) ?? "cpu";
  using targets = new Targets(library, Device.instructionSets(library).slice(0, 1));
  try {
    checkAll(targets);
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
    Deno.exitCode = 1;
  }
}
