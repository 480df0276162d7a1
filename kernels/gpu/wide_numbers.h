// Elements of a matrix of f32 or bf16, 16 bytes at a time.
#pragma once

template <typename T>
DEVICE float wide_number(uint4 words, uint32_t i);

template <>
DEVICE float wide_number<float>(uint4 words, uint32_t i) {
  return float_of(word_of(words, i));
}

template <>
DEVICE float wide_number<bf16>(uint4 words, uint32_t i) {
  const uint32_t pair = word_of(words, i / 2);
  return i % 2 ? upper_half(pair) : lower_half(pair);
}

// Word i of the `count` elements from `from` on; zeros after the last.
DEVICE uint32_t word_at(GLOBAL(const float) from, uint32_t i, uint32_t count) {
  return i < count ? bits_of(from[i]) : 0;
}
DEVICE uint32_t word_at(GLOBAL(const bf16) from, uint32_t i, uint32_t count) {
  const uint32_t lower = 2 * i < count ? uint32_t(from[2 * i]) : 0;
  const uint32_t upper = 2 * i + 1 < count ? uint32_t(from[2 * i + 1]) : 0;
  return lower | upper << 16;
}

// The first of `count` elements, as many as 16 bytes hold; zeros after the last, which is_wide
// rules out but where there are none.
template <bool is_wide, typename T>
DEVICE uint4 load_numbers(GLOBAL(const T) from, uint32_t count) {
  if (is_wide) return count > 0 ? load_wide(from) : four_words(0, 0, 0, 0);
  return four_words(word_at(from, 0, count), word_at(from, 1, count), word_at(from, 2, count),
                    word_at(from, 3, count));
}
