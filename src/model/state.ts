/**
 * The decode state of all sessions: one slot for each, allocated once, of a size that never grows.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";
import { ELEMENT_BYTES, type Ops, PAGE_TOKENS, type Tensor } from "../ops.ts";

/** State of a JetBlock, one row a slot. */
export interface JetState {
  readonly kind: "jet";
  readonly recurrent: Tensor; // [slots, H·K·V]
  readonly convolution: Tensor; // [slots, (W−1)·Dv], the last W−1 inputs, oldest first
}

/** Keys and values of an attention layer, `pages` pages of 16 tokens for each slot. */
export interface AttentionState {
  readonly kind: "attn" | "swa";
  readonly keys: Tensor; // [slots·pages·16, kvHeads·headSize]
  readonly values: Tensor;
}

/** State of one layer. */
export type LayerState = JetState | AttentionState;

/** What {@linkcode StatePool} allocates. */
export interface StateOptions {
  /** Sessions that can be open at once. */
  readonly slots: number;
  /** Tokens that a full-attention layer holds for each session. */
  readonly attentionBudget: number;
  /** Most tokens of one session in one pass; a sliding window's ring keeps room for them. */
  readonly maxSegment: number;
  /** Type of cached keys and values. */
  readonly cacheType: "f32" | "bf16";
  /** Type of the recurrent states; those of the convolutions are f32 always. */
  readonly stateType: "f32" | "bf16";
}

/** The states of every layer for a fixed number of sessions. */
export class StatePool implements Disposable {
  readonly layers: readonly LayerState[];
  readonly slots: number;
  /** Tokens that one session can hold. */
  readonly capacity: number;
  /** Pages of one slot in a full-attention layer and in a sliding layer. */
  readonly pages: Readonly<Record<"attn" | "swa", number>>;
  /** Bytes of one slot. */
  readonly bytes: number;
  /** Logits of the next token of each session, `[slots, vocabulary]`. */
  readonly logits: Tensor;
  readonly #ops: Ops;
  readonly #owned: DisposableStack;

  constructor(ops: Ops, config: ModelConfig, options: StateOptions) {
    const { slots, attentionBudget, maxSegment, cacheType, stateType } = options;
    using stack = new DisposableStack();
    let bytes = 0;
    const allocate = (type: "f32" | "bf16", rows: number, columns: number) => {
      bytes += rows * columns * ELEMENT_BYTES[type];
      return stack.use(ops.tensor(type, rows, columns));
    };
    this.#ops = ops;
    this.slots = slots;
    this.capacity = attentionBudget;
    this.pages = {
      attn: Math.ceil(attentionBudget / PAGE_TOKENS),
      // A pass appends all of its tokens before the first one attends: the ring holds the window of
      // that first token and the whole pass, wherever in a page they begin.
      swa: Math.ceil((Math.min(config.window, attentionBudget) + maxSegment) / PAGE_TOKENS) + 1,
    };
    this.logits = allocate("f32", slots, config.vocabularySize);
    this.layers = config.layers.map((kind) => {
      if (kind === "jet") {
        const { heads, keySize, valueSize, convolutionWidth } = config.jet!;
        return {
          kind,
          recurrent: allocate(stateType, slots, heads * keySize * valueSize),
          convolution: allocate("f32", slots, (convolutionWidth - 1) * heads * valueSize),
        };
      }
      const rows = slots * this.pages[kind] * PAGE_TOKENS;
      const columns = config.kvHeads * config.headSize;
      return {
        kind,
        keys: allocate(cacheType, rows, columns),
        values: allocate(cacheType, rows, columns),
      };
    });
    this.bytes = bytes / slots;
    this.#owned = stack.move();
  }

  /** The pages of a slot, in the order of the positions that they hold. */
  pageTable(slot: number, kind: "attn" | "swa"): Int32Array {
    const pages = this.pages[kind];
    return Int32Array.from({ length: pages }, (_, page) => slot * pages + page);
  }

  /** The rows of a layer's states that belong to a slot. The caller disposes them. */
  *slotViews(slot: number): Generator<Tensor> {
    yield this.logits.rowView(slot, 1);
    for (const layer of this.layers) {
      if (layer.kind === "jet") {
        yield layer.recurrent.rowView(slot, 1);
        yield layer.convolution.rowView(slot, 1);
      } else {
        const rows = this.pages[layer.kind] * PAGE_TOKENS;
        yield layer.keys.rowView(slot * rows, rows);
        yield layer.values.rowView(slot * rows, rows);
      }
    }
  }

  /** Zeroes a slot, so that nothing of one session reaches another. */
  clear(slot: number): void {
    for (const view of this.slotViews(slot)) {
      using states = view;
      this.#ops.zero(states);
    }
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}
