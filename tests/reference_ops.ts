/**
 * The operators in float64 and the plainest loops: the oracle for every kernel, with which it
 * shares no code, and a slow backend for the whole model.
 *
 * @module
 */
import {
  ELEMENT_BYTES,
  type ElementType,
  type Ops,
  type Tensor,
  type WeightFile,
  type WeightRange,
} from "../src/ops.ts";
import { attention, cacheAppend } from "./reference/attention.ts";
import { add, gatedNorm, linear, rmsNorm, rotary, silu, swiglu } from "./reference/dense.ts";
import { pageScores, selectPages } from "./reference/pages.ts";
import { fromBf16, fromFile, toBf16 } from "./reference/numbers.ts";
import { dynamicConvolution, gatedDelta } from "./reference/recurrent.ts";
import { argmax, embedding, gatherRows, logSumExp, scatterRows, topK } from "./reference/rows.ts";
import { operand, own, ReferenceTensor, values } from "./reference/tensor.ts";

export { ReferenceTensor, values } from "./reference/tensor.ts";

/** Options of {@linkcode ReferenceOps}. */
export interface ReferenceOptions {
  /**
   * Rotary angles in float64, as in the golden files, in place of the contract's, whose frequencies
   * and angles are rounded to f32 as in training. At the golden files' positions, below 200, the
   * two differ by 1e-5.
   */
  readonly exactAngles?: boolean;
}

/**
 * Implements the contract in float64: activations are never rounded, bf16 tensors on every write.
 */
export class ReferenceOps implements Ops {
  readonly #exactAngles: boolean;

  readonly embedding = embedding;
  readonly rmsNorm = rmsNorm;
  readonly linear = linear;
  readonly add = add;
  readonly silu = silu;
  readonly swiglu = swiglu;
  readonly dynamicConvolution = dynamicConvolution;
  readonly gatedNorm = gatedNorm;
  readonly cacheAppend = cacheAppend;
  readonly attention = attention;
  readonly pageScores = pageScores;
  readonly selectPages = selectPages;
  readonly gatherRows = gatherRows;
  readonly scatterRows = scatterRows;
  readonly argmax = argmax;
  readonly topK = topK;
  readonly logSumExp = logSumExp;

  constructor(options: ReferenceOptions = {}) {
    this.#exactAngles = options.exactAngles ?? false;
  }

  tensor(type: ElementType, rows: number, columns: number): ReferenceTensor {
    return new ReferenceTensor(type, rows, columns);
  }

  write(tensor: Tensor, data: Float32Array | Int32Array | Uint16Array): void {
    const to = own("write", "tensor", tensor);
    expectData("write", to, data);
    const source = data instanceof Uint16Array ? fromBf16(data) : data;
    for (let row = 0; row < to.rows; row++) {
      to.row(row).set(source.subarray(row * to.columns, (row + 1) * to.columns));
    }
  }

  read(tensor: Tensor, data: Float32Array | Int32Array | Uint16Array): void {
    expectData("read", own("read", "tensor", tensor), data);
    const exact = values(tensor);
    data.set(data instanceof Uint16Array ? toBf16(exact) : exact);
  }

  zero(tensor: Tensor): void {
    const to = own("zero", "tensor", tensor);
    for (let row = 0; row < to.rows; row++) to.row(row).fill(0);
  }

  openFile(path: string): WeightFile {
    return new ReferenceFile(path, Deno.readFileSync(path));
  }

  load(tensor: Tensor, range: WeightRange): void {
    const to = operand("load", "tensor", tensor, { types: ["f32", "bf16"] });
    const { file, offset, type, rowStep } = range;
    if (!(file instanceof ReferenceFile)) {
      throw new Error(`load: ${file.path} was opened by other operators; open it with these`);
    }
    const rowBytes = to.columns * ELEMENT_BYTES[type];
    for (let row = 0; row < to.rows; row++) {
      const start = offset + row * rowStep * rowBytes;
      if (start + rowBytes > file.bytes) {
        throw new Error(`load: row ${row} ends at ${start + rowBytes}, behind ${file.path}`);
      }
      to.setRow(row, fromFile(file.contents.subarray(start, start + rowBytes), type));
    }
  }

  rotary(out: Tensor, x: Tensor, positions: Tensor, headSize: number, theta: number): void {
    rotary(out, x, positions, headSize, theta, this.#exactAngles);
  }

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
  ): void {
    gatedDelta({ out, q, k, v, a, b, aLog, dtBias, state, segments, slots });
  }
}

class ReferenceFile implements WeightFile {
  readonly bytes: number;

  constructor(readonly path: string, readonly contents: Uint8Array) {
    this.bytes = contents.length;
  }

  [Symbol.dispose](): void {}
}

const ARRAYS = { f32: Float32Array, bf16: Uint16Array, i32: Int32Array } as const;

function expectData(
  operator: string,
  tensor: ReferenceTensor,
  data: Float32Array | Int32Array | Uint16Array,
): void {
  const wanted = ARRAYS[tensor.type];
  const size = tensor.rows * tensor.columns;
  if (data instanceof wanted && data.length === size) return;
  throw new Error(
    `${operator}: data is ${data.constructor.name} of ${data.length}; ` +
      `pass ${wanted.name} of ${size}`,
  );
}
