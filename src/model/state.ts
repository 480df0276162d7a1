/**
 * The decode state of all sessions: one slot for each, allocated once, of a size that never grows.
 *
 * @module
 */
import type { LayerType, ModelConfig } from "../config.ts";
import { ELEMENT_BYTES, type Ops, PAGE_TOKENS, type Tensor } from "../ops.ts";
import { PageTable } from "./page_table.ts";

/** State of a JetBlock, one row a slot. */
export interface JetState {
  readonly kind: "jet";
  readonly recurrent: Tensor; // [slots, H·K·V]
  readonly convolution: Tensor; // [slots, (W−1)·Dv], the last W−1 inputs, oldest first
}

/** Keys and values of an attention layer, some pages of 16 tokens for each slot. */
export interface AttentionState {
  readonly kind: "attn" | "swa";
  readonly keys: Tensor; // [slots·pages·16, kvHeads·headSize]
  readonly values: Tensor;
  /** Least and greatest of each column of a page's keys, `[slots·pages, 2·kvHeads·headSize]`. */
  readonly bounds: Tensor | undefined; // of full attention only
  /** Which of a session's page tables says what the pages hold. */
  readonly table: number;
}

/** State of one layer. */
export type LayerState = JetState | AttentionState;

/** What {@linkcode StatePool} allocates. */
export interface StateOptions {
  /** Sessions that can be open at once. */
  readonly slots: number;
  /** Tokens that a full-attention layer holds for each session. */
  readonly attentionBudget: number;
  /** Most tokens of one session in one pass; a sliding window keeps room for them. */
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
  /** Pages of one slot in a full-attention layer and in a sliding layer. */
  readonly pages: Readonly<Record<"attn" | "swa", number>>;
  /**
   * What each of a session's page tables is for: one for each full-attention layer, as they evict
   * different pages, and one for all sliding layers.
   */
  readonly tables: readonly ("attn" | "swa")[];
  /** Bytes of one slot. */
  readonly bytes: number;
  /** Logits of the next token of each session, `[slots, vocabulary]`. */
  readonly logits: Tensor;
  readonly #ops: Ops;
  readonly #config: ModelConfig;
  readonly #owned: DisposableStack;

  constructor(ops: Ops, config: ModelConfig, options: StateOptions) {
    const { slots } = options;
    using stack = new DisposableStack();
    const allocate = ({ type, rows, columns }: Shape) =>
      stack.use(ops.tensor(type, slots * rows, columns));
    this.#ops = ops;
    this.#config = config;
    this.slots = slots;
    this.pages = pagesOf(config, options);
    const tables: ("attn" | "swa")[] = config.layers.includes("swa") ? ["swa"] : [];
    this.logits = allocate(logitsShape(config));
    this.layers = config.layers.map((kind): LayerState => {
      const shapes = layerShapes(config, kind, options);
      if (shapes.kind === "jet") {
        const { recurrent, convolution } = shapes;
        return { kind: "jet", recurrent: allocate(recurrent), convolution: allocate(convolution) };
      }
      return {
        kind: shapes.kind,
        keys: allocate(shapes.cache),
        values: allocate(shapes.cache),
        bounds: shapes.bounds && allocate(shapes.bounds),
        table: kind === "attn" ? tables.push(kind) - 1 : 0,
      };
    });
    this.tables = tables;
    this.bytes = slotBytes(config, options);
    this.#owned = stack.move();
  }

  /** Empty page tables of a session in a slot, which holds at most `attentionBudget` tokens. */
  pageTables(slot: number, attentionBudget: number): PageTable[] {
    const { window, maxPositions: trainedLength } = this.#config;
    return this.tables.map((kind) => {
      const all = this.pages[kind];
      const pages = kind === "attn" ? Math.min(all, Math.ceil(attentionBudget / PAGE_TOKENS)) : all;
      return new PageTable({
        firstPage: slot * all,
        pages,
        window: kind === "swa" ? window : 0,
        trainedLength,
      });
    });
  }

  /**
   * Empties a slot and its page tables: what the session wrote is zeroed, so that nothing of it
   * reaches another. Pages that it never held are not touched: their memory may not be there yet.
   */
  clear(slot: number, tables: readonly PageTable[]): void {
    const zero = (tensor: Tensor | undefined, first: number, rows: number) => {
      if (!tensor || rows === 0) return;
      using view = tensor.rowView(first, rows);
      this.#ops.zero(view);
    };
    zero(this.logits, slot, 1);
    for (const layer of this.layers) {
      if (layer.kind === "jet") {
        zero(layer.recurrent, slot, 1);
        zero(layer.convolution, slot, 1);
      } else {
        const first = slot * this.pages[layer.kind];
        const { touched } = tables[layer.table]!;
        zero(layer.keys, first * PAGE_TOKENS, touched * PAGE_TOKENS);
        zero(layer.values, first * PAGE_TOKENS, touched * PAGE_TOKENS);
        zero(layer.bounds, first, touched);
      }
    }
    for (const table of tables) table.clear();
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}

/** Bytes of one slot. */
export function slotBytes(config: ModelConfig, options: Omit<StateOptions, "slots">): number {
  const bytes = ({ type, rows, columns }: Shape) => rows * columns * ELEMENT_BYTES[type];
  let sum = bytes(logitsShape(config));
  for (const kind of config.layers) {
    const shapes = layerShapes(config, kind, options);
    if (shapes.kind === "jet") sum += bytes(shapes.recurrent) + bytes(shapes.convolution);
    else sum += 2 * bytes(shapes.cache) + (shapes.bounds ? bytes(shapes.bounds) : 0);
  }
  return sum;
}

/** One slot's part of a tensor. */
interface Shape {
  readonly type: "f32" | "bf16";
  readonly rows: number;
  readonly columns: number;
}

function logitsShape({ vocabularySize: columns }: ModelConfig): Shape {
  return { type: "f32", rows: 1, columns };
}

function layerShapes(
  config: ModelConfig,
  kind: LayerType,
  options: Omit<StateOptions, "slots">,
) {
  if (kind === "jet") {
    const { heads, keySize, valueSize, convolutionWidth } = config.jet!;
    const row = (type: "f32" | "bf16", columns: number): Shape => ({ type, rows: 1, columns });
    return {
      kind,
      recurrent: row(options.stateType, heads * keySize * valueSize),
      convolution: row("f32", (convolutionWidth - 1) * heads * valueSize),
    } as const;
  }
  const rows = pagesOf(config, options)[kind];
  const columns = config.kvHeads * config.headSize;
  const cache: Shape = { type: options.cacheType, rows: rows * PAGE_TOKENS, columns };
  const bounds: Shape = { type: "f32", rows, columns: 2 * columns };
  return { kind, cache, bounds: kind === "attn" ? bounds : undefined } as const;
}

function pagesOf(
  config: ModelConfig,
  { attentionBudget, maxSegment }: Omit<StateOptions, "slots">,
) {
  return {
    attn: Math.ceil(attentionBudget / PAGE_TOKENS),
    // A pass appends all of its tokens before the first one attends: the pages hold the window of
    // that first token and the whole pass, wherever in a page they begin.
    swa: Math.ceil((config.window + maxSegment) / PAGE_TOKENS) + 1,
  };
}
