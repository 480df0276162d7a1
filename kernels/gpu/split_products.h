// Floats as the sum of two numbers of f16, 22 bits of them, so that matrix instructions multiply
// them nearly as floats: three products, of which each takes as long as one of bf16. f16 has few
// exponents: what is multiplied is scaled by powers of two, so that the greatest is near its limit.
#pragma once

// Of split_products(); a lane brings four of them of a row, those of a pair and eight further:
// 2 * lane_part() and so on. In x and z are the greater parts, in y and w the smaller ones.
CONSTANT uint32_t split_columns = 16;
CONSTANT float split_unit = 16384.0f;  // what is at most 1, on the right side, is scaled by this

DEVICE uint4 split_four(float first, float second, float third, float fourth) {
  const uint32_t pair = f16_pair(first, second), next = f16_pair(third, fourth);
  return four_words(pair, f16_pair(first - lower_f16(pair), second - upper_f16(pair)), next,
                    f16_pair(third - lower_f16(next), fourth - upper_f16(next)));
}

// Columns 0 and 1 are a lane's pair, 2 and 3 those eight further.
DEVICE float split_value(uint4 words, uint32_t column) {
  const uint32_t greater_pair = column < 2 ? words.x : words.z;
  const uint32_t smaller_pair = column < 2 ? words.y : words.w;
  return column % 2 ? upper_f16(greater_pair) + upper_f16(smaller_pair)
                    : lower_f16(greater_pair) + lower_f16(smaller_pair);
}

// `up` brings numbers whose greatest is `most` below 1,024; `down` undoes it, and split_unit.
struct SplitScale {
  float up, down;
};

DEVICE SplitScale split_scale(float most) {
  const uint32_t bits = bits_of(most) >> 23;
  const uint32_t exponent = bits < 32 ? 32 : bits > 253 ? 253 : bits;  // most < 2^(exponent - 126)
  SplitScale scale;
  scale.up = float_of((263 - exponent) << 23);
  scale.down = float_of((exponent - 9) << 23) / split_unit;
  return scale;
}
