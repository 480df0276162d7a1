/**
 * What to do when a model does not fit into a device's memory.
 *
 * @module
 */
import type { WeightType } from "../model/weight_types.ts";
import { OutOfMemoryError } from "../weight_memory.ts";

/** Types of weights that may need less than others, the better first. */
const SMALLER = ["q8", "q4"] as const;

/** Share of the memory that was had that is planned with: scratch memory comes on top. */
const USABLE = 0.95;

/** What a model needs. */
export interface MemoryNeeds {
  readonly weights: WeightType;
  readonly sessions: number;
  /** Bytes of one session. */
  readonly session: number;
  /** Bytes of one session that holds as few tokens as one can. */
  readonly leastSession: number;
  /** Bytes of the weights, were they of this type. */
  readonly weightBytes: (type: WeightType) => number;
}

/** An error of a load, which says what would fit where memory has run out. */
export function withAdvice(error: unknown, needs: () => MemoryNeeds): unknown {
  if (!(error instanceof OutOfMemoryError)) return error;
  const known = needs();
  const { weights, sessions, session, weightBytes } = known;
  const [what] = error.message.split(";");
  return new OutOfMemoryError(
    `${what}, when the model had ${error.held}: its weights (${weights}) need ` +
      `${weightBytes(weights)} bytes and ${sessions} sessions ${session} each; ` +
      adviceFor(error.held, known),
    error.held,
  );
}

/** What would fit into `held` bytes, the options that change least first. */
function adviceFor(held: number, needs: MemoryNeeds): string {
  const { sessions, session, leastSession, weightBytes } = needs;
  const present = weightBytes(needs.weights);
  const smaller = SMALLER.filter((type) => weightBytes(type) < present);
  const room = (type: WeightType) => USABLE * held - weightBytes(type);
  const fitting = (type: WeightType) => Math.min(Math.floor(room(type) / session), sessions);
  const options: string[] = [];
  const whole = smaller.find((type) => fitting(type) === sessions);
  if (whole) options.push(`weights: "${whole}"`);
  if (fitting(needs.weights) > 0) options.push(`sessions: ${fitting(needs.weights)}`);
  const part = smaller.find((type) => fitting(type) > 0);
  if (options.length === 0 && part) {
    options.push(`weights: "${part}" and sessions: ${fitting(part)}`);
  }
  if (options.length > 0) return `pass ${options.join(" or ")}`;
  const least = [needs.weights, ...smaller].find((type) => room(type) >= leastSession);
  if (!least) return "take a smaller model, or a device with more memory";
  return `pass weights: "${least}", sessions: 1 and a smaller attentionBudget`;
}
