// Sixteen bytes of a row at once, where rows begin at multiples of 16 bytes; elsewhere, and at the
// end of a row, one element after the other, with the same result.
#pragma once
#include "numbers.h"

DEVICE uint32_t pair_of(bf16 lower, bf16 upper) {
  return uint32_t(lower) | uint32_t(upper) << 16;
}

// As floats.
template <typename T>
struct Wide {
  float at[16 / sizeof(T)];
};

template <typename T>
DEVICE Wide<T> wide_of(uint4 words);

template <>
DEVICE Wide<float> wide_of<float>(uint4 words) {
  Wide<float> wide;
  UNROLL
  for (uint32_t i = 0; i < 4; ++i) wide.at[i] = float_of(word_of(words, i));
  return wide;
}

template <>
DEVICE Wide<bf16> wide_of<bf16>(uint4 words) {
  Wide<bf16> wide;
  UNROLL
  for (uint32_t i = 0; i < 4; ++i) {
    wide.at[2 * i] = lower_half(word_of(words, i));
    wide.at[2 * i + 1] = upper_half(word_of(words, i));
  }
  return wide;
}

DEVICE uint4 words_of(Wide<float> wide) {
  return four_words(bits_of(wide.at[0]), bits_of(wide.at[1]), bits_of(wide.at[2]),
                    bits_of(wide.at[3]));
}

DEVICE uint32_t rounded_pair(float lower, float upper) {
  return pair_of(from_float<bf16>(lower), from_float<bf16>(upper));
}

DEVICE uint4 words_of(Wide<bf16> wide) {
  return four_words(
      rounded_pair(wide.at[0], wide.at[1]), rounded_pair(wide.at[2], wide.at[3]),
      rounded_pair(wide.at[4], wide.at[5]), rounded_pair(wide.at[6], wide.at[7]));
}

// The bits of what is in `row` from `column` on; zeros from column `columns` on.
DEVICE uint4 read_words(GLOBAL(const float) row, uint32_t column, uint32_t columns,
                        uint32_t is_wide) {
  if (column >= columns) return four_words(0, 0, 0, 0);
  const uint32_t count = columns - column;
  if (is_wide && count >= 4) return load_wide(row + column);
  GLOBAL(const float) from = row + column;
  return four_words(bits_of(from[0]), count > 1 ? bits_of(from[1]) : 0,
                    count > 2 ? bits_of(from[2]) : 0, count > 3 ? bits_of(from[3]) : 0);
}

DEVICE uint4 read_words(GLOBAL(const bf16) row, uint32_t column, uint32_t columns,
                        uint32_t is_wide) {
  if (column >= columns) return four_words(0, 0, 0, 0);
  const uint32_t count = columns - column;
  if (is_wide && count >= 8) return load_wide(row + column);
  bf16 eight[8];
  UNROLL
  for (uint32_t i = 0; i < 8; ++i) eight[i] = i < count ? row[column + i] : bf16(0);
  return four_words(pair_of(eight[0], eight[1]), pair_of(eight[2], eight[3]),
                    pair_of(eight[4], eight[5]), pair_of(eight[6], eight[7]));
}

DEVICE Wide<float> read_wide(GLOBAL(const float) row, uint32_t column, uint32_t columns,
                             uint32_t is_wide) {
  return wide_of<float>(read_words(row, column, columns, is_wide));
}

template <uint32_t count>
struct Wides {
  Wide<float> at[count];
};

// `count` of them from `column` on, each `step` columns after the one before.
template <uint32_t count, uint32_t step>
DEVICE Wides<count> read_wides(GLOBAL(const float) row, uint32_t column, uint32_t columns,
                               uint32_t is_wide) {
  Wides<count> wides;
  UNROLL
  for (uint32_t i = 0; i < count; ++i) {
    wides.at[i] = read_wide(row, column + i * step, columns, is_wide);
  }
  return wides;
}

// Writes what is in `row` from `column` on and before column `columns`.
template <typename T>
DEVICE void write_wide(GLOBAL(T) row, uint32_t column, uint32_t columns, uint32_t is_wide,
                       Wide<T> wide) {
  const uint32_t most = 16 / sizeof(T), count = column < columns ? columns - column : 0;
  if (is_wide && count >= most) {
    store_wide(row + column, words_of(wide));
    return;
  }
  UNROLL
  for (uint32_t i = 0; i < most; ++i) {
    if (i < count) row[column + i] = from_float<T>(wide.at[i]);
  }
}
