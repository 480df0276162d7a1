/**
 * The states in a slot, taken out of the device's memory and put back.
 *
 * @module
 */
import type { HeldPage, PageTable, PageTableState } from "../model/page_table.ts";
import type { AttentionState, StatePool } from "../model/state.ts";
import { ELEMENT_BYTES, type Ops, PAGE_TOKENS, type Tensor } from "../ops.ts";

/** Elements of a state; bf16 as raw bits. */
export type StateData = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** One state of a layer, or the logits. */
export interface StateTensor {
  /** `logits`, or such as `layers.3.keys`. */
  readonly name: string;
  readonly type: "f32" | "bf16";
  readonly rows: number;
  readonly columns: number;
  readonly data: StateData;
}

/** All states of a session, in one order on every backend. */
export interface SlotState {
  readonly tensors: readonly StateTensor[];
  readonly tables: readonly PageTableState[];
}

/** Where a state stands in the pool: some rows of a tensor, one run after the other. */
interface Place {
  readonly name: string;
  readonly tensor: Tensor;
  readonly runs: readonly Run[];
}

interface Run {
  readonly row: number;
  readonly count: number;
}

/** Copies the states of a slot out of the pool, into the memory of `spare` where that fits. */
export function exportSlot(
  ops: Ops,
  pool: StatePool,
  slot: number,
  tables: readonly PageTable[],
  spare?: SlotState,
): SlotState {
  const tensors = places(pool, slot, tables).map(({ name, tensor, runs }, i): StateTensor => {
    const { columns } = tensor;
    const type = tensor.type as "f32" | "bf16";
    const rows = runs.reduce((sum, run) => sum + run.count, 0);
    const bytes = rows * columns * ELEMENT_BYTES[type];
    const memory = memoryFor(bytes, spare?.tensors[i]?.data);
    const data = new (type === "f32" ? Float32Array : Uint16Array)(memory);
    forRuns(tensor, runs, (view, start) => {
      ops.read(view, data.subarray(start, start + view.rows * columns));
    });
    return { name, type, rows, columns, data };
  });
  return { tensors, tables: tables.map((table) => table.state) };
}

/**
 * Copies states into a slot, whose tables then hold their pages. Types that differ are converted.
 *
 * @throws {Error} The states are of another model, or hold more pages than the tables can.
 */
export function importSlot(
  ops: Ops,
  pool: StatePool,
  slot: number,
  tables: readonly PageTable[],
  state: SlotState,
): void {
  if (tables.length !== state.tables.length) {
    throw new RangeError(
      `The snapshot has ${state.tables.length} page tables and this model ${tables.length}; ` +
        `restore it with the model that it was made with`,
    );
  }
  tables.forEach((table, t) => table.restore(state.tables[t]!));
  const given = new Map(state.tensors.map((tensor) => [tensor.name, tensor]));
  for (const { name, tensor, runs } of places(pool, slot, tables)) {
    const rows = runs.reduce((sum, run) => sum + run.count, 0);
    const source = given.get(name);
    if (source?.rows !== rows || source.columns !== tensor.columns) {
      const found = source ? `[${source.rows}, ${source.columns}]` : "absent";
      throw new RangeError(
        `${name} of the snapshot is ${found}, not [${rows}, ${tensor.columns}]; ` +
          `restore it with the model that it was made with`,
      );
    }
    const data = converted(source.data, tensor.type as "f32" | "bf16");
    forRuns(tensor, runs, (view, start) => {
      ops.write(view, data.subarray(start, start + view.rows * tensor.columns));
    });
  }
}

/** The memory of `spare` when it has just so many bytes, or else new memory. */
export function memoryFor(bytes: number, spare?: StateData | Int32Array<ArrayBuffer>): ArrayBuffer {
  return spare?.buffer.byteLength === bytes ? spare.buffer : new ArrayBuffer(bytes);
}

/** Bytes of all states. */
export function stateBytes({ tensors }: SlotState): number {
  return tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
}

/** Every state of a slot, in the order of a snapshot. */
function places(pool: StatePool, slot: number, tables: readonly PageTable[]): Place[] {
  const own = [{ row: slot, count: 1 }];
  const found: Place[] = [{ name: "logits", tensor: pool.logits, runs: own }];
  for (const [index, layer] of pool.layers.entries()) {
    const name = `layers.${index}`;
    if (layer.kind === "jet") {
      found.push({ name: `${name}.recurrent`, tensor: layer.recurrent, runs: own });
      found.push({ name: `${name}.convolution`, tensor: layer.convolution, runs: own });
    } else {
      found.push(...cachePlaces(name, layer, tables[layer.table]!.held));
    }
  }
  return found;
}

function cachePlaces(name: string, layer: AttentionState, held: readonly HeldPage[]): Place[] {
  const runs: { row: number; count: number }[] = [];
  for (const { page } of held) {
    const last = runs.at(-1);
    if (last && last.row + last.count === page) last.count++;
    else runs.push({ row: page, count: 1 });
  }
  const tokens = runs.map(({ row, count }) => ({
    row: row * PAGE_TOKENS,
    count: count * PAGE_TOKENS,
  }));
  const { keys, values, bounds } = layer;
  return [
    { name: `${name}.keys`, tensor: keys, runs: tokens },
    { name: `${name}.values`, tensor: values, runs: tokens },
    ...(bounds ? [{ name: `${name}.bounds`, tensor: bounds, runs }] : []),
  ];
}

/** Calls `body` with a view of each run and the element at which its data begins. */
function forRuns(
  tensor: Tensor,
  runs: readonly Run[],
  body: (view: Tensor, start: number) => void,
): void {
  let start = 0;
  for (const { row, count } of runs) {
    using view = tensor.rowView(row, count);
    body(view, start);
    start += count * tensor.columns;
  }
}

/** `data` as elements of `type`, rounded to nearest where that is narrower. */
function converted(data: StateData, type: "f32" | "bf16"): StateData {
  if (type === "f32") return data instanceof Float32Array ? data : widened(data);
  return data instanceof Uint16Array ? data : rounded(data);
}

function widened(data: Uint16Array): Float32Array<ArrayBuffer> {
  const words = Uint32Array.from(data, (bits) => bits << 16);
  return new Float32Array(words.buffer);
}

function rounded(data: Float32Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  // Ties to even; states are finite.
  return Uint16Array.from(words, (word) => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16);
}
