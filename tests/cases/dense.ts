/**
 * Cases of the operators whose rows are independent of each other.
 *
 * @module
 */
import {
  type CaseOptions,
  indexRow,
  input,
  type OperatorCase,
  operatorCase,
  output,
  packedWeight,
  type Packing,
  PACKINGS,
  weight,
} from "./case.ts";
import { constant, type Fill, list, normal, uniform } from "./random.ts";

/** Rows and columns that exercise every tail. */
const SIZES = [[1, 1], [2, 31], [3, 32], [1, 33], [2, 127], [3, 1536], [5, 7]] as const;

function rmsNorm(
  rows: number,
  columns: number,
  epsilon: number,
  x: Fill,
  note = "",
  options: CaseOptions & { heads?: number } = {},
): OperatorCase {
  const { heads = 1, ...others } = options;
  return operatorCase("rmsNorm", `x[${rows},${columns}] epsilon ${epsilon}${note}`, {
    out: output(rows, columns),
    x: input(rows, columns, x),
    weight: input(1, columns / heads, uniform(-2, 2)),
  }, { scalars: [epsilon], ...others });
}

function rmsNorms(): OperatorCase[] {
  return [
    ...SIZES.map(([rows, columns]) => rmsNorm(rows, columns, 1e-6, normal())),
    rmsNorm(2, 4100, 1e-6, normal(), " long rows"),
    rmsNorm(3, 64, 0.5, normal(), " that matters"),
    rmsNorm(2, 1536, 1e-5, normal(1e-3), " of the size of x²"),
    rmsNorm(2, 33, 1e-6, normal(1e4), " large x"),
    rmsNorm(2, 33, 1e-6, constant(0), " zeros"),
    rmsNorm(2, 33, 0, normal(), " none"),
    rmsNorm(3, 127, 0.5, normal(), " in place", { alias: { out: "x" } }),
    rmsNorm(3, 5 * 31, 1e-6, normal(), " 5 heads", { heads: 5 }),
    rmsNorm(2, 16 * 128, 0.5, normal(), " 16 heads", { heads: 16 }),
    rmsNorm(2, 3 * 33, 0.5, normal(), " 3 heads in place", { heads: 3, alias: { out: "x" } }),
  ];
}

function gatedNorm(
  [rows, heads, size]: readonly [number, number, number],
  epsilon: number,
  x: Fill,
  gate: Fill,
  note = "",
  options: CaseOptions = {},
): OperatorCase {
  const columns = heads * size;
  return operatorCase("gatedNorm", `x[${rows},${heads}·${size}] epsilon ${epsilon}${note}`, {
    out: output(rows, columns),
    x: input(rows, columns, x),
    gate: input(rows, columns, gate),
    weight: input(1, size, uniform(-2, 2)),
  }, { scalars: [epsilon], ...options });
}

function gatedNorms(): OperatorCase[] {
  // deno-fmt-ignore
  const sizes = [[1, 1, 1], [2, 3, 31], [3, 2, 32], [1, 5, 33], [2, 1, 127], [2, 12, 256],
    [2, 1, 2501]] as const;
  return [
    ...sizes.map((size) => gatedNorm(size, 1e-5, normal(), normal(2))),
    gatedNorm([3, 3, 64], 0.5, normal(), normal(2), " that matters"),
    gatedNorm([3, 3, 64], 1e-5, normal(3e-3), normal(2), " of the size of x²"),
    gatedNorm([2, 3, 33], 1e-5, normal(), uniform(-100, 100), " saturated gates"),
    gatedNorm([2, 3, 33], 1e-5, constant(0), normal(), " zeros"),
    gatedNorm([3, 4, 31], 0.5, normal(), normal(), " in place", { alias: { out: "x" } }),
    gatedNorm([3, 2, 31], 1e-5, normal(), normal(), " packed", { packed: ["x", "gate", "out"] }),
  ];
}

function linear(
  type: "f32" | "bf16",
  rows: number,
  inner: number,
  columns: number,
  hasBias: boolean,
  options: CaseOptions = {},
): OperatorCase {
  const label = `${type} x[${rows},${inner}] weight[${columns},${inner}]${hasBias ? " bias" : ""}`;
  const operands = {
    out: output(rows, columns),
    x: input(rows, inner, normal()),
    weight: weight(type, columns, inner, normal(1 / Math.sqrt(inner))),
  };
  const bias = input(1, columns, normal());
  return operatorCase("linear", label, hasBias ? { ...operands, bias } : operands, options);
}

function linears(): OperatorCase[] {
  // deno-fmt-ignore
  const sizes = [[1, 1, 1], [1, 31, 33], [2, 32, 31], [3, 33, 127], [1, 127, 32], [1, 1536, 33],
    [3, 1536, 31], [2, 127, 1536], [4, 64, 64], [5, 48, 65], [7, 33, 17], [8, 31, 7], [9, 65, 3],
    [16, 96, 9], [17, 33, 5], [33, 127, 31], [65, 100, 50], [130, 24, 37], [1, 4, 1537],
    [4, 512, 33], [5, 1537, 35], [97, 530, 40], [193, 31, 6]] as const;
  return sizes.flatMap(([rows, inner, columns], index) => [
    linear("f32", rows, inner, columns, index % 2 === 0),
    linear("bf16", rows, inner, columns, index % 2 === 1),
  ]).concat(linear("bf16", 3, 40, 24, true, { packed: ["x", "out"] }));
}

/** Numbers that 8 bits hold exactly, as each group has one of the greatest magnitude. */
const EIGHT_BITS: Fill = (random, row, column) =>
  column % 32 === (row * 7) % 32 ? 127 - 254 * random.below(2) : random.below(255) - 127;

const NAN_IN_ROW_1: Fill = (random, row, column) =>
  row === 1 && column === 37 ? NaN : EIGHT_BITS(random, row, column);

// Ten times the greatest errors seen: x is rounded to 8 bits.
const ROUNDED = { nmse: 4e-4, worst: 0.2 };

function packedLinear(
  packing: Packing,
  [rows, inner, columns]: readonly [number, number, number],
  x: Fill,
  note: string,
  options: CaseOptions = {},
): OperatorCase {
  const [type, group] = packing;
  const label = `${type}/${group} x[${rows},${inner}] weight[${columns},${inner}]${note}`;
  return operatorCase("linear", label, {
    out: output(rows, columns),
    x: input(rows, inner, x),
    weight: packedWeight(packing, columns, inner, normal(1 / Math.sqrt(inner))),
    ...(columns % 2 === 1 && { bias: input(1, columns, normal()) }),
  }, options);
}

function packedLinears(): OperatorCase[] {
  // deno-fmt-ignore
  const sizes = [[1, 64, 1], [1, 128, 33], [2, 64, 16], [3, 192, 31], [4, 64, 17], [5, 128, 32],
    [6, 64, 48], [7, 1536, 15], [12, 64, 65], [13, 64, 40], [16, 1536, 16], [33, 64, 35],
    [45, 704, 70], [1, 1536, 1537]] as const;
  return PACKINGS.flatMap((packing) => [
    ...sizes.map((size) => packedLinear(packing, size, EIGHT_BITS, " exact")),
    ...sizes.slice(0, -1).map((size) =>
      packedLinear(packing, size, normal(), "", { bound: ROUNDED })
    ),
    packedLinear(packing, [3, 64, 35], constant(0), " zeros"),
    packedLinear(packing, [3, 64, 35], NAN_IN_ROW_1, " a NaN"),
    packedLinear(packing, [3, 128, 40], EIGHT_BITS, " packed", { packed: ["x", "out"] }),
  ]).concat(
    packedLinear(["q4", 32], [2, 96, 18], EIGHT_BITS, " three groups"),
    packedLinear(["q4", 32], [18, 96, 18], EIGHT_BITS, " three groups"),
  );
}

function elementwises(): OperatorCase[] {
  const binary = (
    operator: "add" | "swiglu",
    rows: number,
    columns: number,
    fills: readonly [Fill, Fill],
    note = "",
    options: CaseOptions = {},
  ) => {
    const [x, y] = operator === "add" ? ["x", "y"] : ["gate", "up"];
    return operatorCase(operator, `[${rows},${columns}]${note}`, {
      out: output(rows, columns),
      [x!]: input(rows, columns, fills[0]),
      [y!]: input(rows, columns, fills[1]),
    }, options);
  };
  const silu = (rows: number, columns: number, x: Fill, note = "", options: CaseOptions = {}) =>
    operatorCase("silu", `[${rows},${columns}]${note}`, {
      out: output(rows, columns),
      x: input(rows, columns, x),
    }, options);
  const both = [normal(), normal(3)] as const;
  const saturated = [uniform(-120, 120), normal()] as const;
  return [
    ...SIZES.map(([rows, columns]) => binary("add", rows, columns, both)),
    binary("add", 3, 33, both, " onto x", { alias: { out: "x" } }),
    binary("add", 3, 33, both, " onto y", { alias: { out: "y" } }),
    binary("add", 1, 70_001, both, " long rows"),
    ...SIZES.map(([rows, columns]) => binary("swiglu", rows, columns, both)),
    binary("swiglu", 2, 9001, both, " long rows"),
    binary("swiglu", 3, 127, saturated, " saturated"),
    binary("swiglu", 3, 33, both, " onto gate", { alias: { out: "gate" } }),
    binary("swiglu", 3, 33, both, " onto up", { alias: { out: "up" } }),
    binary("swiglu", 3, 33, both, " onto gate, packed", {
      alias: { out: "gate" },
      packed: ["gate", "up"],
    }),
    ...SIZES.map(([rows, columns]) => silu(rows, columns, normal(2))),
    silu(2, 10_007, normal(2), " long rows"),
    silu(3, 127, uniform(-120, 120), " saturated"),
    silu(2, 127, uniform(-30, -3), " small results"),
    silu(1, 7, list(0, -0, 1e-30, -1e-30, 88, -88, 200), " borders"),
    silu(3, 33, normal(2), " in place", { alias: { out: "x" } }),
  ];
}

function rotary(
  heads: number,
  size: number,
  theta: number,
  positions: readonly number[],
  note = "",
  options: CaseOptions = {},
): OperatorCase {
  const columns = heads * size;
  const label = `x[${positions.length},${heads}·${size}] theta ${theta} positions ${positions}`;
  return operatorCase("rotary", label + note, {
    out: output(positions.length, columns),
    x: input(positions.length, columns, normal()),
    positions: indexRow(...positions),
  }, { scalars: [size, theta], ...options });
}

function rotaries(): OperatorCase[] {
  return [
    rotary(1, 2, 10, [0, 1, 2]),
    rotary(3, 6, 10, [5, 0, 1000]),
    rotary(2, 16, 10, [1, 10, 100, 1000]),
    rotary(5, 24, 10, [7, 7, 8]),
    rotary(4, 62, 1e4, [3, 999, 1000]),
    rotary(1, 66, 1e6, [0, 17]),
    rotary(14, 128, 1e6, [0, 1, 40, 1000]),
    rotary(2, 128, 10, [99_999, 100_003]),
    rotary(2, 128, 10, [131_071, 131_073, 1_000_003, 2 ** 31 - 1]),
    rotary(2, 128, 1e6, [99_999, 100_003, 131_071, 1_000_000]),
    rotary(3, 64, 1e4, [31, 32, 33], " in place", { alias: { out: "x" } }),
    rotary(3, 64, 1e4, [31, 32, 33], " packed", { packed: ["x", "out"] }),
  ];
}

/** Cases of rms_norm, gated_norm, linear, add, silu, swiglu and rotary. */
export function denseCases(): OperatorCase[] {
  return [
    ...rmsNorms(),
    ...gatedNorms(),
    ...linears(),
    ...packedLinears(),
    ...elementwises(),
    ...rotaries(),
  ];
}
