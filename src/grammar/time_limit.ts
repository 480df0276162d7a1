/**
 * Ends work that takes too long, also inside WebAssembly: `Worker.terminate()` would not, and its
 * thread would compute for ever.
 *
 * @module
 */
import { Script } from "node:vm";

/** What the script below calls: it sees global names only. */
const scope = globalThis as unknown as { workWithinTime?: () => unknown };
const CALL = new Script("workWithinTime()");

/** The result of `work`, or an `Error` when it takes more than so many milliseconds. */
export function withinTime<T>(milliseconds: number, work: () => T): T {
  scope.workWithinTime = work;
  try {
    return CALL.runInThisContext({ timeout: milliseconds }) as T;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    throw new Error(`compiling takes more than ${milliseconds / 1000} s`);
  } finally {
    delete scope.workWithinTime;
  }
}
