// Convolution along a segment with taps of each token's own, then SiLU. A thread has four
// neighbouring channels.
#pragma once
#include "wide.h"

CONSTANT uint32_t convolution_steps = 4;  // taps that are loaded at a time

// Where a segment is: its inputs from its first row on, and its state.
struct ConvolutionSegment {
  GLOBAL(const float) x;
  GLOBAL(float) state;
  int32_t rows;
};

DEVICE ConvolutionSegment convolution_segment(SIZES(ConvolutionSizes) sizes,
                                              GLOBAL(const float) x, GLOBAL(float) state,
                                              GLOBAL(const int32_t) segments,
                                              GLOBAL(const int32_t) slots, uint32_t segment) {
  const uint32_t start = uint32_t(segments[segment]), slot = uint32_t(slots[segment]);
  const ConvolutionSegment found = {x + start * sizes.x_stride, state + slot * sizes.state_stride,
                                    segments[segment + 1] - int32_t(start)};
  return found;
}

// Input i of a segment's channels from c on, counted from the segment's first row; the state holds
// inputs 1 - width ... -1.
DEVICE Wide<float> convolution_input(SIZES(ConvolutionSizes) sizes, ConvolutionSegment segment,
                                     int32_t i, uint32_t c) {
  GLOBAL(const float) from = segment.x + uint32_t(i) * sizes.x_stride;
  if (i < 0) {
    const uint32_t before = uint32_t(i + int32_t(sizes.width) - 1);
    from = segment.state + before * uint64_t(sizes.channels);
  }
  return read_wide(from, c, sizes.channels, sizes.wide);
}

// Row `place` of a segment, whose own taps and results these are.
DEVICE void convolve(SIZES(ConvolutionSizes) sizes, GLOBAL(float) out, GLOBAL(const float) taps,
                     ConvolutionSegment segment, int32_t place, uint32_t c) {
  const int32_t oldest = place + 1 - int32_t(sizes.width);
  Wide<float> total = {};
  for (uint32_t first = 0; first < sizes.width; first += convolution_steps) {
    Wide<float> inputs[convolution_steps], own_taps[convolution_steps];
    UNROLL
    for (uint32_t i = 0; i < convolution_steps; ++i) {
      const uint32_t t = lesser(first + i, sizes.width - 1);
      inputs[i] = convolution_input(sizes, segment, oldest + int32_t(t), c);
      own_taps[i] = read_wide(taps + t * uint64_t(sizes.channels), c, sizes.channels, sizes.wide);
    }
    UNROLL
    for (uint32_t i = 0; i < convolution_steps; ++i) {
      if (first + i >= sizes.width) continue;
      UNROLL
      for (uint32_t e = 0; e < 4; ++e) {
        total.at[e] = multiply_add(own_taps[i].at[e], inputs[i].at[e], total.at[e]);
      }
    }
  }
  UNROLL
  for (uint32_t e = 0; e < 4; ++e) total.at[e] = silu(total.at[e]);
  write_wide(out, c, sizes.channels, sizes.wide, total);
}

// Brings a segment's state up to date. In rising order an old input that still counts is read
// before it is overwritten.
DEVICE void move_convolution(SIZES(ConvolutionSizes) sizes, ConvolutionSegment segment,
                             uint32_t c) {
  if (segment.rows == 0) return;
  for (uint32_t r = 0; r + 1 < sizes.width; ++r) {
    const int32_t newest = segment.rows + 1 - int32_t(sizes.width) + int32_t(r);
    write_wide(segment.state + r * uint64_t(sizes.channels), c, sizes.channels, sizes.wide,
               convolution_input(sizes, segment, newest, c));
  }
}

// Each row by itself; the state is left as it is.
KERNEL(convolve_rows, ConvolutionSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, taps), BUFFER(3, float, state), BUFFER(4, const int32_t, segments),
       BUFFER(5, const int32_t, slots)) {
  const uint32_t row = BLOCK_X, c = 4 * (BLOCK_Y * block_size + THREAD);
  if (c >= sizes.channels) return;
  const uint32_t segment = segment_of_row(segments, sizes.segments, row);
  convolve(sizes, out + row * sizes.out_stride, taps + row * sizes.taps_stride,
           convolution_segment(sizes, x, state, segments, slots, segment),
           int32_t(row) - segments[segment], c);
}

KERNEL(move_convolutions, ConvolutionSizes, BUFFER(0, float, state), BUFFER(1, const float, x),
       BUFFER(2, const int32_t, segments), BUFFER(3, const int32_t, slots)) {
  const uint32_t c = 4 * (BLOCK_Y * block_size + THREAD);
  if (c >= sizes.channels) return;
  move_convolution(sizes, convolution_segment(sizes, x, state, segments, slots, BLOCK_X), c);
}

// Both, a segment's rows one after the other.
KERNEL(convolve_segments, ConvolutionSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, taps), BUFFER(3, float, state), BUFFER(4, const int32_t, segments),
       BUFFER(5, const int32_t, slots)) {
  const uint32_t c = 4 * (BLOCK_Y * block_size + THREAD);
  if (c >= sizes.channels) return;
  const ConvolutionSegment segment =
      convolution_segment(sizes, x, state, segments, slots, BLOCK_X);
  for (int32_t i = 0; i < segment.rows; ++i) {
    const uint64_t row = uint32_t(segments[BLOCK_X] + i);
    convolve(sizes, out + row * sizes.out_stride, taps + row * sizes.taps_stride, segment, i, c);
  }
  move_convolution(sizes, segment, c);
}
