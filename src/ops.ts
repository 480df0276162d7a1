/**
 * The operators that a model is written in, and the tensors that they work on.
 *
 * One contract, several implementations: the native kernels (`ffi/ops.ts`) and plain float64
 * TypeScript (`tests/reference_ops.ts`), which is the oracle for the kernels and a slow backend for
 * the whole model. Every name is the same here, in `kernels/include/contrail.h`, in the kernel's
 * file and in the table of test cases. Shapes are written `name[rows, columns]`; a vector is a
 * matrix of one row.
 *
 * A ragged batch is N tokens that belong to S segments: `segments[1, S+1]` holds the first row of
 * each segment and, last, N; `slots[1, S]` the row of a state tensor that belongs to each segment.
 * What changes from token to token is always in an index tensor, never a scalar argument, so that a
 * pass can be recorded and replayed.
 *
 * @module
 */

/**
 * Type of a tensor's elements: activations are `f32`; weights, caches and the state of the gated
 * delta rule also `bf16`; indices `i32`.
 */
export type ElementType = "f32" | "bf16" | "i32";

/**
 * Type of packed weights: integers of 8 or 4 bits, of which each group of 32 or 64 columns has a
 * scale in bf16. How they lie in memory is the operators' own.
 */
export type PackedType = "q8" | "q4";

/** Rows of packed weights that lie together, so that a view has to begin at a multiple of them. */
export const PACKED_ROWS = 16;

/** Rises whenever packed weights lie in memory in another way, for whatever keeps them in files. */
export const PACKED_LAYOUT = 1;

/** Type of the elements in a weight file. */
export type FileElementType = "f32" | "bf16" | "f16";

/** Bytes of one element. */
export const ELEMENT_BYTES: Readonly<Record<ElementType | FileElementType, number>> = {
  f32: 4,
  bf16: 2,
  i32: 4,
  f16: 2,
};

/** Arrays that tensors are written from and read into; bf16 as bits, packed weights as f32. */
export const DATA_ARRAYS = {
  f32: Float32Array,
  bf16: Uint16Array,
  i32: Int32Array,
  q8: Float32Array,
  q4: Float32Array,
} as const;

/** Tokens in one page of a key or value cache. */
export const PAGE_TOKENS = 16;

/**
 * A matrix of `rows` × `columns` elements, or a view of a part of one. Disposing a view leaves the
 * memory.
 */
export interface Tensor extends Disposable {
  readonly type: ElementType | PackedType;
  readonly rows: number;
  readonly columns: number;
  /**
   * The rows from `start` to `start + count`, as a view of the same memory. In packed weights
   * `start` is a multiple of {@linkcode PACKED_ROWS}.
   */
  rowView(start: number, count: number): Tensor;
  /**
   * The columns from `start` to `start + count`, as a view of the same memory. Packed weights have
   * no such views.
   */
  columnView(start: number, count: number): Tensor;
}

/** A weight file that {@linkcode Ops.load} reads from. */
export interface WeightFile extends Disposable {
  readonly path: string;
  readonly bytes: number;
}

/** Where the rows of a matrix stand in a weight file. */
export interface WeightRange {
  readonly file: WeightFile;
  /** Byte in the file at which the first row begins. */
  readonly offset: number;
  readonly type: FileElementType;
  /** 1 reads consecutive rows, W every W-th. */
  readonly rowStep: number;
}

/** The byte of a weight file at which something begins. */
export interface FilePlace {
  readonly file: WeightFile;
  readonly offset: number;
}

/** Where the codes and scales of quantized weights stand in weight files. */
export interface PackedRange {
  /** The first row of codes; a row is `columns` numbers of `bits` bits. */
  readonly codes: FilePlace;
  /** The first row of scales; a row is `columns / group` numbers. */
  readonly scales: FilePlace;
  readonly scaleType: FileElementType;
  readonly bits: 4 | 8;
  /** Columns that share a scale. */
  readonly group: number;
  /** 1 reads consecutive rows, W every W-th. */
  readonly rowStep: number;
}

/**
 * The operators. Each one checks every size and throws an `Error` that names operator and operand.
 */
export interface Ops {
  /** A tensor of zeros. Disposing it frees its memory once its views are gone. */
  tensor(type: ElementType, rows: number, columns: number): Tensor;
  /**
   * Packed weights, in groups of 32 or 64 columns, to be filled by {@linkcode write},
   * {@linkcode load} or {@linkcode loadPacked}.
   */
  packed(type: PackedType, rows: number, columns: number, group: number): Tensor;
  /**
   * Copies `data`, row by row, into `tensor`. `bf16` takes raw bits; packed weights take f32, and
   * round each group to its scale: the greatest magnitude / 127 in 8 bits, the element that has it
   * / −8 in 4.
   */
  write(tensor: Tensor, data: Float32Array | Int32Array | Uint16Array): void;
  /**
   * Copies `tensor`, row by row, into `data`. `bf16` gives raw bits, packed weights what they stand
   * for, in f32.
   */
  read(tensor: Tensor, data: Float32Array | Int32Array | Uint16Array): void;
  /** Sets every element to zero. */
  zero(tensor: Tensor): void;
  /** Opens a weight file by its path. */
  openFile(path: string): WeightFile;
  /** Fills `tensor` (f32, bf16 or packed) from a file, converting to its type. */
  load(tensor: Tensor, range: WeightRange): void;
  /**
   * Fills `tensor` from codes and scales in files: f32 or bf16 with their products; packed weights
   * of as many bits, whose group divides the file's, with the codes as they are.
   */
  loadPacked(tensor: Tensor, range: PackedRange): void;

  /** `out[N, D] = table[tokens[n], :]`; `tokens[1, N]`; `table` f32, bf16 or packed. */
  embedding(out: Tensor, table: Tensor, tokens: Tensor): void;
  /**
   * `out = weight ⊙ x / sqrt(mean(x²) + epsilon)`, the mean over each head of V elements, of which
   * a row has one or more; `out`, `x` `[N, H·V]`, `weight[1, V]`. `out` may be `x`.
   */
  rmsNorm(out: Tensor, x: Tensor, weight: Tensor, epsilon: number): void;
  /**
   * `out[N, M] = x[N, K] · weight[M, K]ᵀ + bias[1, M]`; `weight` f32, bf16 or packed, accumulated
   * in f32. With packed weights each group of `x` is rounded to 8 bits, too; with bf16 ones a GPU
   * rounds `x` to bf16.
   */
  linear(out: Tensor, x: Tensor, weight: Tensor, bias?: Tensor): void;
  /** `out = x + y`, all `[N, D]`. `out` may be `x` or `y`. */
  add(out: Tensor, x: Tensor, y: Tensor): void;
  /** `out = x ⊙ σ(x)`. `out` may be `x`. */
  silu(out: Tensor, x: Tensor): void;
  /** `out = silu(gate) ⊙ up`. `out` may be `gate` or `up`. */
  swiglu(out: Tensor, gate: Tensor, up: Tensor): void;
  /**
   * Turns element i of each head against element i + headSize/2 by the angle `position ·
   * theta^(−2i/headSize)`; the frequency and its product with the position are each rounded to f32,
   * as in training. From position 2^17 on, where no model was trained, the product is not rounded.
   * `out`, `x` `[N, heads·headSize]`, `positions[1, N]`. `out` may be `x`.
   */
  rotary(out: Tensor, x: Tensor, positions: Tensor, headSize: number, theta: number): void;
  /**
   * `out[n, c] = silu(Σ_t taps[n, t·C + c] · input(n − (W−1) + t, c))`, where `input` is `x` inside
   * the segment and, before its first row, `state[slots, (W−1)·C]`: the last W−1 inputs, oldest
   * first, which it brings up to date. `out`, `x` `[N, C]`, `taps[N, W·C]`; tap W−1 multiplies the
   * current token.
   */
  dynamicConvolution(
    out: Tensor,
    x: Tensor,
    taps: Tensor,
    state: Tensor,
    segments: Tensor,
    slots: Tensor,
  ): void;
  /**
   * The gated delta rule, for each of the H heads of a token:
   * ```text
   * q ← silu(q) / sqrt(Σ silu(q)² + 1e-6) / sqrt(K)      k ← silu(k) / sqrt(Σ silu(k)² + 1e-6)
   * α = exp(−exp(aLog) · softplus(a + dtBias))            β = σ(b)
   * S ← α S;   r = Sᵀ k;   S ← S + k ⊗ β (v − r);   out = Sᵀ q
   * ```
   * `out`, `v` `[N, H·V]`; `q`, `k` `[N, H·K]`; `a`, `b` `[N, H]`; `aLog`, `dtBias` `[1, H]`;
   * `state[slots, H·K·V]` (f32 or bf16) is brought up to date. S is f32 within a call; a bf16 state
   * is rounded once, at the end of each segment. `chunk` 0 runs token by token, always; otherwise
   * segments of more than 8 tokens run in the chunked matrix form, `chunk` tokens at a time, equal
   * up to rounding.
   */
  gatedDelta(
    out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    a: Tensor,
    b: Tensor,
    aLog: Tensor,
    dtBias: Tensor,
    state: Tensor,
    segments: Tensor,
    slots: Tensor,
    chunk: number,
  ): void;
  /**
   * `out = weight ⊙ x / sqrt(mean(x²) + epsilon) ⊙ silu(gate)`, the mean over each head of V
   * elements; `out`, `x`, `gate` `[N, H·V]`, `weight[1, V]`. `out` may be `x`.
   */
  gatedNorm(out: Tensor, x: Tensor, gate: Tensor, weight: Tensor, epsilon: number): void;
  /**
   * Writes `k`, `v` `[N, kvHeads·headSize]` to the rows `rows[1, N]`, without repeats, of the
   * caches `keys`, `values` `[pages·16, kvHeads·headSize]` (f32 or bf16, both the same).
   * `bounds[pages, 2·kvHeads·headSize]`, where it is given, holds the least and then the greatest
   * of each column of a page's keys, as they are stored, and is brought up to date; a row that is
   * the first of its page begins the page's bounds anew.
   */
  cacheAppend(
    keys: Tensor,
    values: Tensor,
    k: Tensor,
    v: Tensor,
    rows: Tensor,
    bounds?: Tensor,
  ): void;
  /**
   * `out = softmax(q · keysᵀ / sqrt(headSize)) · values` for each query head; head h reads kv head
   * `⌊h / (heads/kvHeads)⌋`. `out`, `q` `[N, heads·headSize]`; caches as in
   * {@linkcode Ops.cacheAppend}.
   *
   * `pages[S, width]` lists the pages that each segment reads, −1 for none, in the order of
   * `starts[S, width]`, the position of each page's first token, which need not be a multiple of
   * anything; a page that is only partly filled ends where the next begins. The query at position p
   * (`positions[1, N]`, rising by one in a segment) sees the tokens of these pages at positions
   * p − window + 1 … p, or 0 … p when `window` is 0, and needs its own among them.
   *
   * `shifts[S, width]` ≥ 0 moves a page nearer: the query, which {@linkcode Ops.rotary} turned to
   * its position, is turned back by `shift · theta^(−2i/headSize)` for that page; the frequency is
   * rounded to f32, its product with the shift is not.
   */
  attention(
    out: Tensor,
    q: Tensor,
    keys: Tensor,
    values: Tensor,
    positions: Tensor,
    segments: Tensor,
    pages: Tensor,
    starts: Tensor,
    shifts: Tensor,
    headSize: number,
    window: number,
    theta: number,
  ): void;
  /**
   * How near each page comes to being the best of any query head of its segment:
   * ```text
   * u(n, h, e) = Σ_i max(q_i · least_i, q_i · greatest_i) / sqrt(headSize)
   * scores[s, e] = max over rows n of s and heads h of  u(n, h, e) − max_e' u(n, h, e')
   * ```
   * over the pages e that begin at or before the row's position; −∞ where there is no page or no
   * such row. u bounds the score of q with any of the page's tokens. `scores[S, width]`,
   * `bounds` as in {@linkcode Ops.cacheAppend}; the other operands are as in
   * {@linkcode Ops.attention}, `q` turned back by the page's shift there too.
   */
  pageScores(
    scores: Tensor,
    q: Tensor,
    bounds: Tensor,
    positions: Tensor,
    segments: Tensor,
    pages: Tensor,
    starts: Tensor,
    shifts: Tensor,
    headSize: number,
    theta: number,
  ): void;
  /**
   * Chooses `count` of each segment's pages: the first, the last `recent`, and of the others those
   * with the greatest scores, of equal ones the first. Writes them in their order to `chosenPages`,
   * `chosenStarts`, `chosenShifts` `[S, count]`, then pages of −1 (starts and shifts 0). `scores`,
   * `pages`, `starts`, `shifts` `[S, width]`; recent < count ≤ width.
   */
  selectPages(
    chosenPages: Tensor,
    chosenStarts: Tensor,
    chosenShifts: Tensor,
    scores: Tensor,
    pages: Tensor,
    starts: Tensor,
    shifts: Tensor,
    recent: number,
  ): void;
  /** `out[M, D] = x[rows[m], :]`, `rows[1, M]`. */
  gatherRows(out: Tensor, x: Tensor, rows: Tensor): void;
  /** `out[rows[m], :] = x[m, :]`, `x[M, D]`, `rows[1, M]` without repeats. */
  scatterRows(out: Tensor, x: Tensor, rows: Tensor): void;
  /**
   * `out[1, N]` (i32) = index of the greatest element of each row, the lowest of equal ones; NaN is
   * least.
   */
  argmax(out: Tensor, x: Tensor): void;
  /**
   * The k greatest of each row, falling, of equal ones the lower index first: `values[N, k]`,
   * `indices[N, k]`.
   */
  topK(values: Tensor, indices: Tensor, x: Tensor): void;
  /** `out[1, N] = log Σ exp(scales[n] · x[n, :])`, `scales[1, N]`. */
  logSumExp(out: Tensor, x: Tensor, scales: Tensor): void;
}
