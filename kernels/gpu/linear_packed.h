// Rows of x times packed weights. x is rounded to 8 bits first, group by group, so that the
// products of a group are added up exactly. The order of a sum is the same here and in
// linear_packed_tile.h: the groups are cut into packed_splits runs, each is added up in order, and
// then the runs are.
#pragma once

// A warp a group: its codes and its scale.
KERNEL(round_input, RoundInputSizes, BUFFER(0, int8_t, codes), BUFFER(1, float, scales),
       BUFFER(2, const float, x)) {
  const uint32_t group = BLOCK_Y * block_warps + THREAD / warp_size, lane = THREAD % warp_size;
  const uint32_t groups = sizes.columns / sizes.group;
  if (group >= groups) return;  // the whole warp
  GLOBAL(const float) from = x + (BLOCK_X * sizes.x_stride + group * sizes.group);
  GLOBAL(int8_t) to = codes + (uint64_t(BLOCK_X) * sizes.columns + group * sizes.group);
  float most = 0.0f, flaws = 0.0f;  // flaws: NaN where x is no finite number
  for (uint32_t i = lane; i < sizes.group; i += warp_size) {
    most = greater(most, fabs(from[i]));
    flaws += from[i] * 0.0f;
  }
  most = warp_greatest(most);
  const float factor = most > 1e-35f ? 127.0f / most : 0.0f;
  for (uint32_t i = lane; i < sizes.group; i += warp_size) {
    const float code = rint(from[i] * factor);
    to[i] = code == code ? int8_t(code) : int8_t(0);
  }
  flaws = warp_sum(flaws);
  if (lane == 0) scales[uint64_t(BLOCK_X) * groups + group] = most / 127.0f + flaws;
}

CONSTANT uint32_t packed_quads = packed_rows / 4;
CONSTANT uint32_t packed_splits = block_size / packed_quads;

DEVICE uint32_t packed_run_groups(SIZES(LinearPackedSizes) sizes) {
  return (sizes.inputs / sizes.packed.group + packed_splits - 1) / packed_splits;
}

// The next 32 columns of four rows of weights: a word holds columns of one row.
template <uint32_t bits>
struct PackedStep {
  uint4 words[bits];
};

template <uint32_t bits>
DEVICE PackedStep<bits> load_packed_step(GLOBAL(const uint32_t) quad, uint32_t column) {
  PackedStep<bits> step;
  UNROLL
  for (uint32_t i = 0; i < bits; ++i) {
    step.words[i] = load_wide(quad + (column / 32 * bits + i) * packed_rows);
  }
  return step;
}

// sum + the products of 32 columns of row `o` of the four with those of x.
template <uint32_t bits>
DEVICE int32_t dot_packed_step(PackedStep<bits> step, uint4 low, uint4 high, uint32_t o,
                               int32_t sum) {
  UNROLL
  for (uint32_t i = 0; i < 8; ++i) {
    const uint32_t word = word_of(step.words[i * bits / 8], o);
    const uint32_t codes =
        bits == 8 ? word ^ 0x80808080u : signed_halves(i % 2 ? word >> 4 : word);
    sum = dot_bytes(codes, i < 4 ? word_of(low, i) : word_of(high, i - 4), sum);
  }
  return sum;
}

// Where the codes of x and their scales are.
struct PackedInput {
  GLOBAL(const uint32_t) codes;
  GLOBAL(const float) scales;
};

// Adds up a thread's run of groups for the four outputs of its quad and `count` rows from `first`
// on, after the last that one again, in totals[count, packed_splits, packed_rows]. Weights are read
// once for all rows, and those of a step while the one before is multiplied.
template <uint32_t bits, uint32_t count>
DEVICE void add_packed_run(SIZES(LinearPackedSizes) sizes, SHARED_POINTER(float) totals,
                           PackedInput x, GLOBAL(const uint32_t) weight, uint32_t block,
                           uint32_t first, uint32_t thread_index) {
  const uint32_t split = thread_index / packed_quads, quad = thread_index % packed_quads * 4;
  const uint32_t group = sizes.packed.group, groups = sizes.inputs / group;
  const uint32_t run = packed_run_groups(sizes) * group;
  const uint32_t begin = split * run, end = lesser(begin + run, sizes.inputs);
  GLOBAL(const uint32_t) codes =
      weight + (block * sizes.packed.block_words + sizes.packed.scale_words + quad);
  int32_t sums[count][4] = {};  // of a group
  float runs[count][4] = {};
  PackedStep<bits> next;
  if (begin < end) next = load_packed_step<bits>(codes, begin);
  for (uint32_t column = begin; column < end; column += 32) {
    const PackedStep<bits> step = next;
    if (column + 32 < end) next = load_packed_step<bits>(codes, column + 32);
    UNROLL
    for (uint32_t r = 0; r < count; ++r) {
      const uint64_t row = lesser(first + r, sizes.rows - 1);
      GLOBAL(const uint32_t) from = x.codes + (row * sizes.inputs + column) / 4;
      const uint4 low = load_wide(from), high = load_wide(from + 4);
      UNROLL
      for (uint32_t o = 0; o < 4; ++o) {
        sums[r][o] = dot_packed_step<bits>(step, low, high, o, sums[r][o]);
      }
    }
    if ((column + 32) % group > 0) continue;
    const uint32_t g = column / group;
    UNROLL
    for (uint32_t o = 0; o < 4; ++o) {
      const float scale = packed_scale(weight, sizes.packed, block * packed_rows + quad + o, g);
      UNROLL
      for (uint32_t r = 0; r < count; ++r) {
        const uint64_t row = lesser(first + r, sizes.rows - 1);
        runs[r][o] += float(sums[r][o]) * (scale * x.scales[row * groups + g]);
        sums[r][o] = 0;
      }
    }
  }
  UNROLL
  for (uint32_t r = 0; r < count; ++r) {
    UNROLL
    for (uint32_t o = 0; o < 4; ++o) {
      totals[(r * packed_splits + split) * packed_rows + quad + o] = runs[r][o];
    }
  }
}

// Adds the runs in their order: a thread an output of a row.
DEVICE void join_packed_runs(SIZES(LinearPackedSizes) sizes, GLOBAL(float) out,
                             GLOBAL(const float) bias, SHARED_POINTER(float) totals,
                             uint32_t block, uint32_t first, uint32_t count,
                             uint32_t thread_index) {
  const uint32_t row = first + thread_index / packed_rows, place = thread_index % packed_rows;
  const uint32_t output = block * packed_rows + place;
  if (thread_index >= count * packed_rows) return;
  float total = 0.0f;
  for (uint32_t split = 0; split < packed_splits; ++split) {
    total += totals[((row - first) * packed_splits + split) * packed_rows + place];
  }
  write_sum(sizes, out, bias, row, output, total);
}

// A block for packed_rows outputs of `count` rows.
#define LINEAR_PACKED_KERNEL(name, count)                                                       \
  KERNEL(name, LinearPackedSizes, BUFFER(0, float, out), BUFFER(1, const uint32_t, codes),      \
         BUFFER(2, const float, scales), BUFFER(3, const uint32_t, weight),                     \
         BUFFER(4, const float, bias)) {                                                        \
    SHARED(float, totals, count * block_size * 4);                                              \
    const uint32_t first = BLOCK_Y * count;                                                     \
    const PackedInput x = {codes, scales};                                                      \
    if (sizes.packed.bits == 8) {                                                               \
      add_packed_run<8, count>(sizes, totals, x, weight, BLOCK_X, first, THREAD);               \
    } else {                                                                                    \
      add_packed_run<4, count>(sizes, totals, x, weight, BLOCK_X, first, THREAD);               \
    }                                                                                           \
    barrier();                                                                                  \
    join_packed_runs(sizes, out, bias, totals, BLOCK_X, first, count, THREAD);                  \
  }

LINEAR_PACKED_KERNEL(linear_packed_1, 1)
LINEAR_PACKED_KERNEL(linear_packed_2, 2)
LINEAR_PACKED_KERNEL(linear_packed_4, 4)
LINEAR_PACKED_KERNEL(linear_packed_8, 8)
