/**
 * Operators that tell what they are called with.
 *
 * @module
 */
import type { Ops } from "../ops.ts";

/** The arguments of each operator. */
export type Traces = {
  readonly [Name in keyof Ops]?: (...args: Parameters<Ops[Name]>) => void;
};

/** `ops`, of which those that `traces` names call their trace first, with the same arguments. */
export function tracingOps(ops: Ops, traces: Traces): Ops {
  return new Proxy(ops, {
    get(target, name: keyof Ops) {
      const operator = target[name];
      if (typeof operator !== "function") return operator;
      const trace = traces[name] as ((...args: unknown[]) => void) | undefined;
      return (...args: unknown[]) => {
        trace?.(...args);
        return Reflect.apply(operator, target, args);
      };
    },
  });
}
