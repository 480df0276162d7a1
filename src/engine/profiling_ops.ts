/**
 * Operators that measure how long each of them takes.
 *
 * @module
 */
import type { OperatorTime } from "../reports.ts";
import type { Tensor } from "../ops.ts";
import type { RecordingOps } from "../recording.ts";
import type { MemoryOps } from "../weight_memory.ts";

/** What is no step of a pass. */
const UNTIMED: ReadonlySet<string | symbol> = new Set(
  [
    "tensor",
    "packed",
    "openFile",
    "load",
    "loadPacked",
    "memoryOf",
    "map",
  ] satisfies (keyof MemoryOps)[],
);

/**
 * Adds up the calls of {@linkcode Profile.ops} and their time. They are not recorded: a recording
 * has one time for all of its calls.
 */
export class Profile {
  /** The operators that were given, timed. */
  readonly ops: MemoryOps & RecordingOps;
  readonly #times = new Map<string, { calls: number; ms: number }>();

  constructor(ops: MemoryOps & RecordingOps) {
    this.ops = new Proxy(ops, {
      get: (target, name: keyof (MemoryOps & RecordingOps)) => {
        if (name === "records") return false;
        const operator = target[name];
        if (typeof operator !== "function") return operator;
        if (UNTIMED.has(name)) return operator.bind(target);
        return (...args: unknown[]) => {
          const start = performance.now();
          const result = Reflect.apply(operator, target, args);
          this.#add(nameOf(name, args), performance.now() - start);
          return result;
        };
      },
    });
  }

  /** Forgets what was before. */
  clear(): void {
    this.#times.clear();
  }

  /** The operators that were called, the one that took longest first. */
  times(): OperatorTime[] {
    const times = Array.from(this.#times, ([operator, time]) => ({ operator, ...time }));
    return times.sort((a, b) => b.ms - a.ms);
  }

  #add(name: string, ms: number): void {
    const time = this.#times.get(name);
    if (!time) {
      this.#times.set(name, { calls: 1, ms });
    } else {
      time.calls++;
      time.ms += ms;
    }
  }
}

/** The operator's name, and for a matrix product the matrix. */
function nameOf(name: string, args: readonly unknown[]): string {
  if (name !== "linear") return name;
  const { type, rows, columns } = args[2] as Tensor;
  return `linear ${type} [${rows}, ${columns}]`;
}
