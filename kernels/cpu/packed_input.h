// Rows of x as packed weights are multiplied with them: in 8 bits, each group with its scale.
#pragma once
#include "packed_codes.h"
#include "simd.h"

namespace ct {
namespace CT_TARGET {

// One row: codes[columns], scales[groups], and sums[groups] of the codes.
struct InputRow {
  int8_t* codes;
  float* scales;
  int32_t* sums;
};

// All rows, in one piece of memory.
class Input {
 public:
  Input(void* memory, uint32_t rows, uint32_t columns, uint32_t group)
      : memory_(static_cast<unsigned char*>(memory)),
        stride_(row_bytes(columns, group)),
        rows_(rows),
        columns_(columns),
        group_(group),
        groups_(columns / group) {}

  static uint64_t row_bytes(uint32_t columns, uint32_t group) {
    const uint64_t bytes = columns + uint64_t{columns / group} * (sizeof(float) + sizeof(int32_t));
    return (bytes + packed_line - 1) / packed_line * packed_line;
  }

  uint32_t rows() const { return rows_; }

  InputRow row(uint32_t index) const {
    unsigned char* data = memory_ + index * stride_;
    float* scales = reinterpret_cast<float*>(data + columns_);
    return {reinterpret_cast<int8_t*>(data), scales,
            reinterpret_cast<int32_t*>(scales + groups_)};
  }

  void fill(uint32_t index, const float* x) const {
    const InputRow to = row(index);
    for (uint32_t g = 0; g < groups_; ++g) fill_group(to, g, x + g * group_);
  }

 private:
  void fill_group(const InputRow& to, uint32_t g, const float* x) const {
    const float magnitude = greatest_magnitude(x, group_);
    const Vector factor = splat(magnitude > 1e-35f ? 127 / magnitude : 0.0f);
    int8_t* codes = to.codes + g * group_;
    IntVector sums = {};
    Vector flaws = {};  // zeros, or NaN where x is no finite number
    for (uint32_t i = 0; i < group_; i += lanes) {
      const Vector value = load(x + i);
      const IntVector code = round_to_integers(value * factor);
      // GCC makes one instruction of this, and many of __builtin_convertvector.
      for (uint32_t j = 0; j < lanes; ++j) codes[i + j] = int8_t(code[j]);
      sums += code;
      flaws += value * 0.0f;
    }
    // So few codes that a float has their sum exactly.
    to.sums[g] = int32_t(sum(__builtin_convertvector(sums, Vector)));
    to.scales[g] = magnitude / 127 + sum(flaws);
  }

  unsigned char* memory_;
  uint64_t stride_;
  uint32_t rows_, columns_, group_, groups_;
};

}  // namespace CT_TARGET
}  // namespace ct
