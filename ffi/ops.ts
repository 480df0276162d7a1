/**
 * The operators as the kernel library has them.
 *
 * @module
 */
import type {
  ElementType,
  PackedRange,
  PackedType,
  Tensor,
  WeightFile,
  WeightRange,
} from "../src/ops.ts";
import type { RecordingOps } from "../src/recording.ts";
import type { MemoryOps, WeightMemory } from "../src/weight_memory.ts";
import { dataBytes } from "./data_bytes.ts";
import type { Device } from "./device.ts";
import { NativeFile } from "./file.ts";
import type { Functions } from "./library.ts";
import { NativeMemory } from "./mapped_memory.ts";
import { NativeRecording } from "./recording.ts";
import { NativeTensor, TYPE_NUMBERS } from "./tensor.ts";

const { handleOf } = NativeTensor;

/** The operators on a device, as `Ops` and `MemoryOps` tell; the library checks every size. */
export class NativeOps implements MemoryOps, RecordingOps {
  readonly #device: Device;
  readonly #library: Functions;

  constructor(device: Device) {
    this.#device = device;
    this.#library = device.library.functions;
  }

  /** Bytes of all tensors on the device. */
  get bytes(): number {
    return this.#device.bytes;
  }

  /** Whether {@linkcode record} can be called. */
  get records(): boolean {
    return this.#library.ct_device_records(this.#device.handle) === 1;
  }

  record(calls: () => void): NativeRecording {
    return NativeRecording.make(this.#device, calls);
  }

  tensor(type: ElementType, rows: number, columns: number): NativeTensor {
    return NativeTensor.create(this.#device, type, rows, columns);
  }

  packed(type: PackedType, rows: number, columns: number, group: number): NativeTensor {
    return NativeTensor.createPacked(this.#device, type, rows, columns, group);
  }

  write(tensor: Tensor, data: Float32Array | Int32Array | Uint16Array): void {
    const bytes = dataBytes("write", tensor, data);
    this.#check(this.#library.ct_tensor_write(handleOf(tensor), data as BufferSource, bytes));
  }

  read(tensor: Tensor, data: Float32Array | Int32Array | Uint16Array): void {
    const bytes = dataBytes("read", tensor, data);
    this.#check(this.#library.ct_tensor_read(handleOf(tensor), data as BufferSource, bytes));
  }

  zero(tensor: Tensor): void {
    this.#check(this.#library.ct_tensor_zero(handleOf(tensor)));
  }

  openFile(path: string): NativeFile {
    return new NativeFile(this.#device.library, path);
  }

  memoryOf(tensor: Tensor): WeightMemory {
    return NativeTensor.bufferOf(tensor);
  }

  map(file: WeightFile): NativeMemory {
    return new NativeMemory(this.#device, file);
  }

  load(tensor: Tensor, { file, offset, type, rowStep }: WeightRange): void {
    this.#check(
      this.#library.ct_tensor_load(
        handleOf(tensor),
        NativeFile.handleOf(file),
        BigInt(offset),
        TYPE_NUMBERS[type],
        rowStep,
      ),
    );
  }

  loadPacked(tensor: Tensor, range: PackedRange): void {
    this.#check(
      this.#library.ct_packed_load(
        handleOf(tensor),
        NativeFile.handleOf(range.codes.file),
        BigInt(range.codes.offset),
        NativeFile.handleOf(range.scales.file),
        BigInt(range.scales.offset),
        TYPE_NUMBERS[range.scaleType],
        range.bits,
        range.group,
        range.rowStep,
      ),
    );
  }

  embedding(out: Tensor, table: Tensor, tokens: Tensor): void {
    const device = this.#device.handle;
    this.#check(
      this.#library.ct_embedding(device, handleOf(out), handleOf(table), handleOf(tokens)),
    );
  }

  rmsNorm(out: Tensor, x: Tensor, weight: Tensor, epsilon: number): void {
    const device = this.#device.handle;
    this.#check(
      this.#library.ct_rms_norm(device, handleOf(out), handleOf(x), handleOf(weight), epsilon),
    );
  }

  linear(out: Tensor, x: Tensor, weight: Tensor, bias?: Tensor): void {
    const device = this.#device.handle;
    const offset = bias ? handleOf(bias) : null;
    this.#check(
      this.#library.ct_linear(device, handleOf(out), handleOf(x), handleOf(weight), offset),
    );
  }

  add(out: Tensor, x: Tensor, y: Tensor): void {
    this.#check(this.#library.ct_add(this.#device.handle, handleOf(out), handleOf(x), handleOf(y)));
  }

  silu(out: Tensor, x: Tensor): void {
    this.#check(this.#library.ct_silu(this.#device.handle, handleOf(out), handleOf(x)));
  }

  swiglu(out: Tensor, gate: Tensor, up: Tensor): void {
    const device = this.#device.handle;
    this.#check(this.#library.ct_swiglu(device, handleOf(out), handleOf(gate), handleOf(up)));
  }

  rotary(out: Tensor, x: Tensor, positions: Tensor, headSize: number, theta: number): void {
    this.#check(
      this.#library.ct_rotary(
        this.#device.handle,
        handleOf(out),
        handleOf(x),
        handleOf(positions),
        headSize,
        theta,
      ),
    );
  }

  dynamicConvolution(
    out: Tensor,
    x: Tensor,
    taps: Tensor,
    state: Tensor,
    segments: Tensor,
    slots: Tensor,
  ): void {
    this.#check(
      this.#library.ct_dynamic_convolution(
        this.#device.handle,
        handleOf(out),
        handleOf(x),
        handleOf(taps),
        handleOf(state),
        handleOf(segments),
        handleOf(slots),
      ),
    );
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
    chunk: number,
  ): void {
    this.#check(
      this.#library.ct_gated_delta(
        this.#device.handle,
        handleOf(out),
        handleOf(q),
        handleOf(k),
        handleOf(v),
        handleOf(a),
        handleOf(b),
        handleOf(aLog),
        handleOf(dtBias),
        handleOf(state),
        handleOf(segments),
        handleOf(slots),
        chunk,
      ),
    );
  }

  gatedNorm(out: Tensor, x: Tensor, gate: Tensor, weight: Tensor, epsilon: number): void {
    this.#check(
      this.#library.ct_gated_norm(
        this.#device.handle,
        handleOf(out),
        handleOf(x),
        handleOf(gate),
        handleOf(weight),
        epsilon,
      ),
    );
  }

  cacheAppend(
    keys: Tensor,
    values: Tensor,
    k: Tensor,
    v: Tensor,
    rows: Tensor,
    bounds?: Tensor,
  ): void {
    this.#check(
      this.#library.ct_cache_append(
        this.#device.handle,
        handleOf(keys),
        handleOf(values),
        handleOf(k),
        handleOf(v),
        handleOf(rows),
        bounds ? handleOf(bounds) : null,
      ),
    );
  }

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
  ): void {
    // deno-fmt-ignore
    this.#check(
      this.#library.ct_attention(
        this.#device.handle, handleOf(out), handleOf(q), handleOf(keys), handleOf(values),
        handleOf(positions), handleOf(segments), handleOf(pages), handleOf(starts),
        handleOf(shifts), headSize, window, theta,
      ),
    );
  }

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
  ): void {
    // deno-fmt-ignore
    this.#check(
      this.#library.ct_page_scores(
        this.#device.handle, handleOf(scores), handleOf(q), handleOf(bounds), handleOf(positions),
        handleOf(segments), handleOf(pages), handleOf(starts), handleOf(shifts), headSize, theta,
      ),
    );
  }

  selectPages(
    chosenPages: Tensor,
    chosenStarts: Tensor,
    chosenShifts: Tensor,
    scores: Tensor,
    pages: Tensor,
    starts: Tensor,
    shifts: Tensor,
    recent: number,
  ): void {
    // deno-fmt-ignore
    this.#check(
      this.#library.ct_select_pages(
        this.#device.handle, handleOf(chosenPages), handleOf(chosenStarts), handleOf(chosenShifts),
        handleOf(scores), handleOf(pages), handleOf(starts), handleOf(shifts), recent,
      ),
    );
  }

  gatherRows(out: Tensor, x: Tensor, rows: Tensor): void {
    const device = this.#device.handle;
    this.#check(this.#library.ct_gather_rows(device, handleOf(out), handleOf(x), handleOf(rows)));
  }

  scatterRows(out: Tensor, x: Tensor, rows: Tensor): void {
    const device = this.#device.handle;
    this.#check(this.#library.ct_scatter_rows(device, handleOf(out), handleOf(x), handleOf(rows)));
  }

  argmax(out: Tensor, x: Tensor): void {
    this.#check(this.#library.ct_argmax(this.#device.handle, handleOf(out), handleOf(x)));
  }

  topK(values: Tensor, indices: Tensor, x: Tensor): void {
    const device = this.#device.handle;
    this.#check(this.#library.ct_top_k(device, handleOf(values), handleOf(indices), handleOf(x)));
  }

  logSumExp(out: Tensor, x: Tensor, scales: Tensor): void {
    const device = this.#device.handle;
    this.#check(this.#library.ct_log_sum_exp(device, handleOf(out), handleOf(x), handleOf(scales)));
  }

  #check(status: number): void {
    if (status !== 0) throw this.#device.lastError();
  }
}
