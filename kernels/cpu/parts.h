// Rows whose length is no multiple of a vector: the last vector of such a row has fewer elements.
#pragma once
#include <stdint.h>

#include "simd.h"

namespace ct {
namespace CT_TARGET {
namespace {

// n rounded up to whole vectors.
inline uint64_t padded(uint64_t n) { return (n + lanes - 1) / lanes * lanes; }

inline uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }
inline uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

// The first n elements of a vector, any n; the others read as zero and are not written.
template <typename T>
inline Vector load_up_to(const T* p, uint32_t n) {
  return n >= lanes ? load(p) : load_part(p, n);
}

template <typename T>
inline void store_up_to(T* p, Vector x, uint32_t n) {
  if (n >= lanes) {
    store(p, x);
  } else {
    store_part(p, x, n);
  }
}

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
