// Weights of 8 and 4 bits as they lie in memory, word by word: see common/packed.h. Each block of
// packed_rows rows has its scales, two in a word, and then a word of each row in turn: four codes
// of 8 bits, or eight of 4 with the first four in the lower halves.
#pragma once
#include "sizes.h"

CONSTANT uint32_t packed_rows = 16;

DEVICE float packed_scale(GLOBAL(const uint32_t) words, SIZES(PackedSizes) sizes, uint32_t row,
                          uint32_t group) {
  const uint32_t place = group * packed_rows + row % packed_rows;
  const uint32_t pair = words[row / packed_rows * sizes.block_words + place / 2];
  return float_of(place % 2 ? pair & 0xffff0000u : pair << 16);
}

// The codes of a row from this column on, which is the first of a word.
DEVICE uint32_t packed_codes(GLOBAL(const uint32_t) words, SIZES(PackedSizes) sizes, uint32_t row,
                             uint32_t column) {
  const uint64_t block = row / packed_rows * sizes.block_words + sizes.scale_words;
  return words[block + column / (32 / sizes.bits) * packed_rows + row % packed_rows];
}

// Four codes of 4 bits, in the lower halves of bytes, as signed bytes.
DEVICE uint32_t signed_halves(uint32_t word) {
  return ((word & 0x0f0f0f0fu) + 0x78787878u) ^ 0x80808080u;
}

// The codes of a row in this column, which is a multiple of four, and the next, as signed bytes.
DEVICE uint32_t four_packed_codes(GLOBAL(const uint32_t) words, SIZES(PackedSizes) sizes,
                                  uint32_t row, uint32_t column) {
  const uint32_t word = packed_codes(words, sizes, row, column);
  return sizes.bits == 8 ? word ^ 0x80808080u : signed_halves(word >> column % 8);
}

// One code of such a word, counted from its zero.
DEVICE int32_t packed_code(uint32_t word, uint32_t bits, uint32_t i) {
  if (bits == 8) return int32_t(word >> i * 8 & 255) - 128;
  return int32_t(word >> (i % 4 * 8 + i / 4 * 4) & 15) - 8;
}
