import { assert } from "@std/assert";
import { readJson } from "../src/checkpoint/read_json.ts";
import { parseConfig } from "../src/config.ts";
import type { PageTable } from "../src/model/page_table.ts";
import { StatePool } from "../src/model/state.ts";
import { type Ops, PAGE_TOKENS, type Tensor } from "../src/ops.ts";
import { FABLE } from "./fable.ts";
import { Targets } from "./native.ts";

/** All tensors of a pool. */
function tensors({ logits, layers }: StatePool): Tensor[] {
  return [
    logits,
    ...layers.flatMap((layer) =>
      layer.kind === "jet"
        ? [layer.recurrent, layer.convolution]
        : [layer.keys, layer.values, ...(layer.bounds ? [layer.bounds] : [])]
    ),
  ];
}

/** Writes ones wherever a session could that holds what `tables` say. */
function mark(ops: Ops, pool: StatePool, slot: number, tables: readonly PageTable[]): void {
  const fill = (tensor: Tensor | undefined, first: number, rows: number) => {
    if (!tensor) return;
    using view = tensor.rowView(first, rows);
    ops.write(view, new Float32Array(rows * tensor.columns).fill(1));
  };
  fill(pool.logits, slot, 1);
  for (const layer of pool.layers) {
    if (layer.kind === "jet") {
      fill(layer.recurrent, slot, 1);
      fill(layer.convolution, slot, 1);
      continue;
    }
    for (const { page } of tables[layer.table]!.held) {
      fill(layer.keys, page * PAGE_TOKENS, PAGE_TOKENS);
      fill(layer.values, page * PAGE_TOKENS, PAGE_TOKENS);
      fill(layer.bounds, page, 1);
    }
  }
}

Deno.test("StatePool.clear() zeroes all that a session wrote, and nothing of another", () => {
  using targets = new Targets("cpu");
  const ops = targets.all[0]!.one;
  const config = parseConfig(readJson(`${FABLE}/config.json`), FABLE);
  const options = { attentionBudget: 192, maxSegment: 32 } as const;
  using pool = new StatePool(ops, config, {
    ...options,
    slots: 2,
    cacheType: "f32",
    stateType: "f32",
  });
  const slots = [0, 1].map((slot) => pool.pageTables(slot, 128));
  // Pages come and go, so that more were written to than are held at the end.
  for (const [slot, tables] of slots.entries()) {
    for (let position = 0; position < 400; position += 8) {
      for (const table of tables) table.prepare(position, 8);
      mark(ops, pool, slot, tables);
    }
  }
  const contents = () =>
    tensors(pool).map((tensor) => {
      const data = new Float32Array(tensor.rows * tensor.columns);
      ops.read(tensor, data);
      return [data.subarray(0, data.length / 2), data.subarray(data.length / 2)] as const;
    });
  const sum = (data: Float32Array) => data.reduce((a, b) => a + b, 0);
  const before = contents();
  pool.clear(0, slots[0]!);
  for (const [i, [cleared, other]] of contents().entries()) {
    assert(sum(before[i]![0]) > 0 && sum(cleared) === 0, `tensor ${i} keeps what was written`);
    assert(sum(other) > 0 && sum(other) === sum(before[i]![1]), `tensor ${i} lost another's`);
  }
  assert(slots[0]!.every(({ held }) => held.length === 0));
});
