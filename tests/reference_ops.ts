/**
 * The operators in float64 and the plainest loops: the oracle for every kernel, with which it
 * shares no code, and a slow backend for the whole model.
 *
 * @module
 */
import {
  DATA_ARRAYS,
  ELEMENT_BYTES,
  type ElementType,
  type FilePlace,
  type Ops,
  type PackedRange,
  type PackedType,
  type Tensor,
  type WeightFile,
  type WeightRange,
} from "../src/ops.ts";
import { attention, cacheAppend } from "./reference/attention.ts";
import { add, gatedNorm, linear, rmsNorm, rotary, silu, swiglu } from "./reference/dense.ts";
import { fromBf16, fromFile, roundToBf16, toBf16 } from "./reference/numbers.ts";
import { CODE_BITS, fromCodes } from "./reference/packed.ts";
import { pageScores, selectPages } from "./reference/pages.ts";
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
 * Implements the contract in float64: activations are never rounded, not even where packed weights
 * read them; bf16 tensors and packed weights on every write.
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

  packed(type: PackedType, rows: number, columns: number, group: number): ReferenceTensor {
    return new ReferenceTensor(type, rows, columns, undefined, undefined, group);
  }

  write(tensor: Tensor, data: Float32Array | Int32Array | Uint16Array): void {
    const to = own("write", "tensor", tensor);
    expectData("write", to, data);
    const source = data instanceof Uint16Array ? fromBf16(data) : data;
    for (let row = 0; row < to.rows; row++) {
      const values = source.subarray(row * to.columns, (row + 1) * to.columns);
      // bf16 was given as bits, so there is nothing to round.
      if (to.group) to.setRow(row, values);
      else to.row(row).set(values);
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
    const to = operand("load", "tensor", tensor, { types: ["f32", "bf16", "q8", "q4"] });
    const { file, offset, type, rowStep } = range;
    const rowBytes = to.columns * ELEMENT_BYTES[type];
    for (let row = 0; row < to.rows; row++) {
      to.setRow(row, fromFile(bytesOf({ file, offset }, row * rowStep * rowBytes, rowBytes), type));
    }
  }

  loadPacked(tensor: Tensor, range: PackedRange): void {
    const { codes, scales, scaleType, bits, group, rowStep } = range;
    const types = ["f32", "bf16", ...(["q8", "q4"] as const).filter((t) => CODE_BITS[t] === bits)];
    const to = operand("loadPacked", "tensor", tensor, {
      types: types as ReferenceTensor["type"][],
    });
    const codeBytes = to.columns * bits / 8;
    const scaleBytes = to.columns / group * ELEMENT_BYTES[scaleType];
    for (let row = 0; row < to.rows; row++) {
      const step = row * rowStep;
      const factors = fromFile(bytesOf(scales, step * scaleBytes, scaleBytes), scaleType);
      const isPacked = to.group > 0;
      const integers = bytesOf(codes, step * codeBytes, codeBytes);
      const values = fromCodes(integers, isPacked ? roundToBf16(factors) : factors, bits);
      if (isPacked) to.row(row).set(values);
      else to.setRow(row, values);
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

/** A part of a file of these operators. */
function bytesOf({ file, offset }: FilePlace, from: number, length: number): Uint8Array {
  const start = offset + from;
  if (!(file instanceof ReferenceFile)) {
    throw new Error(`load: ${file.path} was opened by other operators; open it with these`);
  }
  if (start + length <= file.bytes) return file.contents.subarray(start, start + length);
  throw new Error(`load: a row ends at ${start + length}, behind ${file.path}`);
}

function expectData(
  operator: string,
  tensor: ReferenceTensor,
  data: Float32Array | Int32Array | Uint16Array,
): void {
  const wanted = DATA_ARRAYS[tensor.type];
  const size = tensor.rows * tensor.columns;
  if (data instanceof wanted && data.length === size) return;
  throw new Error(
    `${operator}: data is ${data.constructor.name} of ${data.length}; ` +
      `pass ${wanted.name} of ${size}`,
  );
}
