// Rows of x times packed weights. x is rounded to 8 bits first, group by group, so that the
// products of a group are added up exactly.
#pragma once

// A warp a group: its codes, its scale and the sum of its codes.
KERNEL(round_input, RoundInputSizes, BUFFER(0, int8_t, codes), BUFFER(1, float, scales),
       BUFFER(2, int32_t, sums), BUFFER(3, const float, x)) {
  const uint32_t group = BLOCK_Y * block_warps + THREAD / warp_size, lane = THREAD % warp_size;
  const uint32_t groups = sizes.columns / sizes.group;
  if (group >= groups) return;  // the whole warp
  GLOBAL(const float) from = x + (BLOCK_X * sizes.x_stride + group * sizes.group);
  GLOBAL(int8_t) to = codes + (uint64_t(BLOCK_X) * sizes.columns + group * sizes.group);
  float most = 0.0f, flaws = 0.0f, sum = 0.0f;  // flaws: NaN where x is no finite number
  for (uint32_t i = lane; i < sizes.group; i += warp_size) {
    most = greater(most, fabs(from[i]));
    flaws += from[i] * 0.0f;
  }
  most = warp_greatest(most);
  const float factor = most > 1e-35f ? 127.0f / most : 0.0f;
  for (uint32_t i = lane; i < sizes.group; i += warp_size) {
    const float code = rint(from[i] * factor);
    to[i] = code == code ? int8_t(code) : int8_t(0);
    sum += code;
  }
  sum = warp_sum(sum);
  flaws = warp_sum(flaws);
  if (lane > 0) return;
  scales[uint64_t(BLOCK_X) * groups + group] = most / 127.0f + flaws;
  sums[uint64_t(BLOCK_X) * groups + group] = flaws == 0.0f ? int32_t(sum) : 0;
}

CONSTANT uint32_t packed_splits = block_size / packed_rows;

// The products of a group of x with one of a row of weights.
DEVICE int32_t packed_group_sum(SIZES(PackedSizes) sizes, GLOBAL(const uint32_t) weight,
                                GLOBAL(const uint32_t) codes, int32_t codes_sum, uint32_t row,
                                uint32_t first) {
  int32_t sum = 0;
  if (sizes.bits == 8) {
    for (uint32_t i = 0; i < sizes.group; i += 4) {
      const uint32_t word = packed_codes(weight, sizes, row, first + i) ^ 0x80808080u;  // signed
      sum = dot_bytes(word, codes[(first + i) / 4], sum);
    }
    return sum;
  }
  for (uint32_t i = 0; i < sizes.group; i += 8) {
    const uint32_t word = packed_codes(weight, sizes, row, first + i);
    sum = dot_bytes(word & 0x0f0f0f0fu, codes[(first + i) / 4], sum);
    sum = dot_bytes(word >> 4 & 0x0f0f0f0fu, codes[(first + i) / 4 + 1], sum);
  }
  return sum - 8 * codes_sum;
}

// A block for packed_rows outputs of a row: packed_splits threads share the groups of each, and
// what they sum up is added in their order.
KERNEL(linear_packed, LinearPackedSizes, BUFFER(0, float, out), BUFFER(1, const uint32_t, codes),
       BUFFER(2, const float, scales), BUFFER(3, const int32_t, sums),
       BUFFER(4, const uint32_t, weight), BUFFER(5, const float, bias)) {
  SHARED(float, totals, block_size);
  const uint32_t row = BLOCK_Y, output = BLOCK_X * packed_rows + THREAD % packed_rows;
  const uint32_t group = sizes.packed.group, groups = sizes.inputs / group;
  const uint64_t first = uint64_t(row) * groups;
  GLOBAL(const uint32_t) x = codes + uint64_t(row) * (sizes.inputs / 4);
  float total = 0.0f;
  for (uint32_t g = THREAD / packed_rows; g < groups; g += packed_splits) {
    const int32_t sum =
        packed_group_sum(sizes.packed, weight, x, sums[first + g], output, g * group);
    total += float(sum) * (packed_scale(weight, sizes.packed, output, g) * scales[first + g]);
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
