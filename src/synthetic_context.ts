/**
 * Sessions that hold many tokens of which few were computed, to measure at a depth.
 *
 * @module
 */
import { decodeSnapshot, encodeSnapshot, snapshotFacts } from "./engine/snapshot.ts";
import type { SessionState } from "./engine/session_state.ts";
import type { StateData, StateTensor } from "./engine/slot_state.ts";
import type { PageTableState } from "./model/page_table.ts";
import { PAGE_TOKENS } from "./ops.ts";
import type { Runtime } from "./runtime.ts";

/** Tokens that are computed; whole pages. */
const COMPUTED = 256;

/**
 * The snapshot of a session at position `tokens.length` whose keys and values are those of its
 * first tokens over and over, and those of one layer for all of its kind. It means nothing, but is
 * as large, and scaled as, what the tokens would have left.
 */
export async function syntheticSnapshot(
  runtime: Runtime,
  tokens: Int32Array,
): Promise<Uint8Array<ArrayBuffer>> {
  await using session = await runtime.session();
  await session.append(tokens.subarray(0, COMPUTED), { logits: "none" });
  const bytes = await session.snapshot();
  if (tokens.length <= COMPUTED) return bytes;
  const { model } = snapshotFacts(bytes);
  return encodeSnapshot(stretched(decodeSnapshot(bytes, model), tokens.length, runtime), model);
}

/** A session's state as if it were at position `depth`. */
function stretched(
  state: SessionState,
  depth: number,
  { config: { layers, window }, attentionBudget }: Runtime,
): SessionState {
  const starts = Array.from({ length: Math.ceil(depth / PAGE_TOKENS) }, (_, i) => i * PAGE_TOKENS);
  const most = Math.ceil(attentionBudget / PAGE_TOKENS);
  const attn: PageTableState = {
    starts: starts.filter((_, i) => i === 0 || i > starts.length - most),
    used: Array(Math.min(starts.length, most)).fill(depth - 1),
    inexactFrom: starts.length > most ? attentionBudget : undefined,
  };
  const seen = starts.filter((start) => start + PAGE_TOKENS > depth - window + 1);
  const swa = { starts: seen, used: Array(seen.length).fill(depth - 1), inexactFrom: undefined };
  const tables = { attn, swa };
  const repeated = new Map<string, StateData>();
  const tensors = state.slot.tensors.map((tensor): StateTensor => {
    const [, index, part] = tensor.name.split(".");
    const kind = layers[Number(index)];
    if (kind !== "attn" && kind !== "swa") return tensor;
    const rows = tables[kind].starts.length * (part === "bounds" ? 1 : PAGE_TOKENS);
    const name = `${kind}.${part}`;
    const data = repeated.get(name) ?? repeat(tensor.data, rows * tensor.columns);
    repeated.set(name, data);
    return { ...tensor, rows, data };
  });
  const full = layers.filter((kind) => kind === "attn").map(() => attn);
  const slot = { tensors, tables: layers.includes("swa") ? [swa, ...full] : full };
  return { ...state, position: depth, slot };
}

/** The elements of `data` over and over, `length` in all. */
function repeat(data: StateData, length: number): StateData {
  const result = data instanceof Float32Array ? new Float32Array(length) : new Uint16Array(length);
  for (let at = 0; at < length; at += data.length) {
    result.set(data.subarray(0, length - at), at);
  }
  return result;
}
