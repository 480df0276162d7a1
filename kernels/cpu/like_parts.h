// Parts whose size a function takes as a constant, so that their sums stay in registers.
#pragma once
#include "split.h"

namespace ct {
namespace CT_TARGET {

// A number that a generic lambda takes as a constant.
template <uint32_t n>
struct Count {
  static constexpr uint32_t value = n;
};

// Calls body(Count<count>()) for a count of 1 ... most.
template <uint32_t most, typename Body>
CT_ALWAYS_INLINE void with_count(uint32_t count, const Body& body) {
  if constexpr (most == 1) {
    body(Count<1>());
  } else if (count == most) {
    body(Count<most>());
  } else {
    with_count<most - 1>(count, body);
  }
}

// Calls body(Count<n>(), first) for parts of `count` that cover it all, as few as there can be and
// of like size, as small ones keep the units waiting.
template <uint32_t most, typename Body>
CT_ALWAYS_INLINE void for_like_parts(uint32_t count, const Body& body) {
  for (uint32_t first = 0; first < count;) {
    const uint32_t left = count - first, size = uint32_t(divide_up(left, divide_up(left, most)));
    with_count<most>(size, [&](auto n) { body(n, first); });
    first += size;
  }
}

}  // namespace CT_TARGET
}  // namespace ct
