// The inner loops of linear. Every element of the result is one vector accumulator that runs over k
// in steps of `lanes`, the rest of k padded with zeros, and is then added up: the same sum in every
// tile, so that a row's result does not depend on how many rows there are.
#pragma once
#include "prefetch.h"
#include "simd.h"

namespace ct {
namespace CT_TARGET {

// Outputs that are computed together for one row of x, enough to hide the latency of multiply_add.
constexpr uint32_t single_outputs = 8;

// The tile for many rows: outputs by rows accumulators fill the registers, 32 of them or 16.
constexpr uint32_t tile_outputs = 4;
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr uint32_t tile_rows = 6;
#else
constexpr uint32_t tile_rows = 3;
#endif

// Reads the weights as they are, for few rows: sums[o][r] = x row r . weight row o over all of k.
template <typename W, uint32_t outputs, uint32_t rows>
inline void direct_tile(Vector (&sums)[outputs][rows], const W* weight, uint64_t weight_stride,
                        const float* x, uint64_t x_stride, uint32_t depth) {
  for (uint32_t o = 0; o < outputs; ++o) {
    for (uint32_t r = 0; r < rows; ++r) sums[o][r] = Vector{};
  }
  const uint32_t whole = depth - depth % lanes, rest = depth % lanes;
  constexpr uint64_t step_bytes = uint64_t{outputs} * lanes * sizeof(W), line_bytes = 64;
  const uint64_t tile_bytes = outputs * weight_stride * sizeof(W);
  uintptr_t later = reinterpret_cast<uintptr_t>(weight) + prefetch_ahead(tile_bytes);
  for (uint32_t k = 0; k < whole; k += lanes, later += step_bytes) {
    for (uint64_t line = 0; line < step_bytes; line += line_bytes) prefetch(later + line);
    Vector inputs[rows];
    for (uint32_t r = 0; r < rows; ++r) inputs[r] = load(x + r * x_stride + k);
    for (uint32_t o = 0; o < outputs; ++o) {
      const Vector factor = load(weight + o * weight_stride + k);
      for (uint32_t r = 0; r < rows; ++r) {
        sums[o][r] = multiply_add(factor, inputs[r], sums[o][r]);
      }
    }
  }
  if (!rest) return;
  for (uint32_t o = 0; o < outputs; ++o) {
    const Vector factor = load_part(weight + o * weight_stride + whole, rest);
    for (uint32_t r = 0; r < rows; ++r) {
      const Vector input = load_part(x + r * x_stride + whole, rest);
      sums[o][r] = multiply_add(factor, input, sums[o][r]);
    }
  }
}

// Reads weights that pack_panel() has laid out, for many rows: continues sums, which are kept as
// [rows][tile_outputs] vectors at `partial`, over `depth` elements of k.
template <uint32_t rows>
inline void panel_tile(float* partial, const float* panel, const float* x, uint64_t x_stride,
                        uint32_t depth) {
  Vector sums[rows][tile_outputs];
  for (uint32_t r = 0; r < rows; ++r) {
    for (uint32_t o = 0; o < tile_outputs; ++o) {
      sums[r][o] = load(partial + (r * tile_outputs + o) * lanes);
    }
  }
  const uint32_t whole = depth - depth % lanes, rest = depth % lanes;
  for (uint32_t k = 0; k < whole; k += lanes, panel += tile_outputs * lanes) {
    Vector inputs[rows];
    for (uint32_t r = 0; r < rows; ++r) inputs[r] = load(x + r * x_stride + k);
    for (uint32_t o = 0; o < tile_outputs; ++o) {
      const Vector factor = load(panel + o * lanes);
      for (uint32_t r = 0; r < rows; ++r) {
        sums[r][o] = multiply_add(factor, inputs[r], sums[r][o]);
      }
    }
  }
  for (uint32_t r = 0; r < rows; ++r) {
    const Vector input = rest ? load_part(x + r * x_stride + whole, rest) : Vector{};
    for (uint32_t o = 0; o < tile_outputs; ++o) {
      if (rest) sums[r][o] = multiply_add(load(panel + o * lanes), input, sums[r][o]);
      store(partial + (r * tile_outputs + o) * lanes, sums[r][o]);
    }
  }
}

// Lays `depth` elements of `outputs` rows of the weight out as f32 in the order in which
// panel_tile() reads them: [depth / lanes][tile_outputs][lanes], with zeros for what is not there.
template <typename W>
inline void pack_panel(float* panel, const W* weight, uint64_t weight_stride, uint32_t outputs,
                       uint32_t depth) {
  for (uint32_t k = 0; k < depth; k += lanes) {
    for (uint32_t o = 0; o < tile_outputs; ++o, panel += lanes) {
      const W* from = weight + o * weight_stride + k;
      if (o >= outputs) {
        store(panel, Vector{});
      } else {
        store(panel, depth - k < lanes ? load_part(from, depth - k) : load(from));
      }
    }
  }
}

}  // namespace CT_TARGET
}  // namespace ct
