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

CONSTANT uint32_t packed_splits = block_size / packed_rows;

DEVICE uint32_t packed_run_groups(SIZES(LinearPackedSizes) sizes) {
  return (sizes.inputs / sizes.packed.group + packed_splits - 1) / packed_splits;
}

// The products of a group of x with one of a row of weights.
DEVICE int32_t packed_group_sum(SIZES(PackedSizes) sizes, GLOBAL(const uint32_t) weight,
                                GLOBAL(const uint32_t) codes, uint32_t row, uint32_t first) {
  int32_t sum = 0;
  if (sizes.bits == 8) {
    for (uint32_t i = 0; i < sizes.group; i += 4) {
      sum = dot_bytes(four_packed_codes(weight, sizes, row, first + i), codes[(first + i) / 4],
                      sum);
    }
    return sum;
  }
  for (uint32_t i = 0; i < sizes.group; i += 8) {
    const uint32_t word = packed_codes(weight, sizes, row, first + i);
    sum = dot_bytes(signed_halves(word), codes[(first + i) / 4], sum);
    sum = dot_bytes(signed_halves(word >> 4), codes[(first + i) / 4 + 1], sum);
  }
  return sum;
}

// A block for packed_rows outputs of a row: each of packed_splits threads has a run of the groups.
KERNEL(linear_packed, LinearPackedSizes, BUFFER(0, float, out), BUFFER(1, const uint32_t, codes),
       BUFFER(2, const float, scales), BUFFER(3, const uint32_t, weight),
       BUFFER(4, const float, bias)) {
  SHARED(float, totals, block_size);
  const uint32_t row = BLOCK_Y, output = BLOCK_X * packed_rows + THREAD % packed_rows;
  const uint32_t group = sizes.packed.group, groups = sizes.inputs / group;
  const uint32_t run_groups = packed_run_groups(sizes);
  const uint32_t begin = THREAD / packed_rows * run_groups;
  GLOBAL(const uint32_t) x = codes + uint64_t(row) * (sizes.inputs / 4);
  GLOBAL(const float) x_scales = scales + uint64_t(row) * groups;
  float total = 0.0f;
  for (uint32_t g = begin; g < lesser(begin + run_groups, groups); ++g) {
    const int32_t sum = packed_group_sum(sizes.packed, weight, x, output, g * group);
    total += float(sum) * (packed_scale(weight, sizes.packed, output, g) * x_scales[g]);
  }
  totals[THREAD] = total;
  barrier();
  if (THREAD >= packed_rows || output >= sizes.outputs) return;
  for (uint32_t split = 1; split < packed_splits; ++split) {
    total += totals[split * packed_rows + THREAD];
  }
  if (sizes.has_bias) total += bias[output];
  out[row * sizes.out_stride + output] = total;
}
