/**
 * The second of two GPUs of CUDA: prints nothing; throws where another is taken.
 *
 * @module
 */
import { Device } from "../../ffi/device.ts";
import { loadFable } from "../fable.ts";
import { expectSame } from "./expect_same.ts";

/** What a GPU of this name is called, or why there is none. */
function opened(instructionSet: string): string {
  try {
    using device = Device.open({ backend: "cuda", instructionSet });
    return device.instructionSet;
  } catch (error) {
    return (error as Error).message;
  }
}

if (import.meta.main) {
  const unknown = (name: string) =>
    `ct_device_open: instruction_set is "${name}" but there is cuda; pass "auto" or one of these`;
  expectSame(opened("auto"), "sm_86 Stand-in GPU");
  expectSame(opened("cuda:0"), "sm_86 Stand-in GPU");
  expectSame(opened("cuda:1"), "sm_86 Other GPU");
  expectSame(
    opened("cuda:2"),
    'ct_device_open: instruction_set is "cuda:2" but the NVIDIA driver shows 2; ' +
      "pass a number from 0 to 1",
  );
  for (const name of ["cuda:", "cuda:-1", "cuda:1x", "cuda:99999"]) {
    expectSame(opened(name), unknown(name));
  }
  await using runtime = await loadFable({ device: "cuda:1", sessions: 1 });
  const { name, openedAs, instructionSet } = runtime.backend;
  expectSame([name, openedAs, instructionSet], ["cuda", "cuda:1", "sm_86 Other GPU"]);
}
