/**
 * Loading from weight files, bit for bit as the reference does it.
 *
 * @module
 */
import { ELEMENT_BYTES, type FileElementType, type Ops, type Tensor } from "../../src/ops.ts";
import { Random } from "../cases/random.ts";
import { fromBf16 } from "../reference/numbers.ts";
import { ReferenceOps, values } from "../reference_ops.ts";

const ROWS = 5;
const COLUMNS = [1, 7, 33] as const;
const STEPS = [1, 3] as const;
const LONG_ROW = 140_001; // so long that threads share it
const OFFSET = 24; // bytes before the first row

/** Throws unless every file type converts to every tensor type as the reference has it. */
export function checkLoad(ops: Ops): void {
  for (const type of ["f32", "bf16", "f16"] as const) {
    const path = Deno.makeTempFileSync();
    try {
      Deno.writeFileSync(path, contents(type));
      for (const to of ["f32", "bf16"] as const) {
        for (const columns of COLUMNS) {
          for (const rowStep of STEPS) {
            compareLoad(ops, path, { type, to, rows: ROWS, columns, rowStep });
          }
        }
        compareLoad(ops, path, { type, to, rows: 1, columns: LONG_ROW, rowStep: 1 });
      }
    } finally {
      Deno.removeSync(path);
    }
  }
}

interface Load {
  readonly type: FileElementType;
  readonly to: "f32" | "bf16";
  readonly rows: number;
  readonly columns: number;
  readonly rowStep: number;
}

function compareLoad(ops: Ops, path: string, { type, to, rows, columns, rowStep }: Load): void {
  const load = (operators: Ops, tensor: Tensor) => {
    using file = operators.openFile(path);
    // A view, so that rows do not follow each other.
    using view = tensor.columnView(1, columns);
    operators.load(view, { file, offset: OFFSET, type, rowStep });
  };
  const reference = new ReferenceOps();
  const expected = reference.tensor(to, rows, columns + 2);
  load(reference, expected);
  using tensor = ops.tensor(to, rows, columns + 2);
  load(ops, tensor);
  const data = new (to === "f32" ? Float32Array : Uint16Array)(rows * (columns + 2));
  ops.read(tensor, data);
  const loaded = data instanceof Uint16Array ? fromBf16(data) : data;
  for (const [index, value] of values(expected).entries()) {
    if (Object.is(loaded[index], value)) continue;
    const how = `${type} as ${to}, every ${rowStep}th row of ${columns}`;
    throw new Error(`load() of ${how} has ${loaded[index]} at ${index}; the reference ${value}`);
  }
}

/**
 * Random bits after words that round in every way: ties, overflow, subnormals, infinities and NaN.
 */
function contents(type: FileElementType): Uint8Array {
  const size = OFFSET + ELEMENT_BYTES[type] * LONG_ROW;
  const random = new Random(size);
  const bytes = Uint8Array.from({ length: size }, () => random.below(256));
  const words = SPECIAL[type];
  bytes.set(new Uint8Array(words.buffer), OFFSET);
  return bytes;
}

const SPECIAL = {
  // deno-fmt-ignore
  f32: Uint32Array.of(0x3f808000, 0x3f818000, 0x3f808001, 0x3f807fff, 0xbf818000, 0x7f7fffff,
    0x00000001, 0x00008000, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001),
  bf16: Uint16Array.of(0x3f80, 0x0001, 0x8000, 0x7f80, 0xff80, 0x7fc0, 0x7f81),
  // deno-fmt-ignore
  f16: Uint16Array.of(0x3c00, 0x3c04, 0x3c0c, 0x3c05, 0x0001, 0x03ff, 0x0400, 0x8000, 0x7bff,
    0x7c00, 0xfc00, 0x7e00, 0x7c01),
} as const;
