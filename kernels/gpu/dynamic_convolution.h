// Convolution along a segment with taps of each token's own, then SiLU.
#pragma once

// Input i of a segment's channel, counted from the segment's first row; the state holds inputs
// 1 - width ... -1.
DEVICE float convolution_input(SIZES(ConvolutionSizes) sizes, GLOBAL(const float) x,
                               GLOBAL(const float) state, int32_t i, uint32_t c) {
  if (i >= 0) return x[uint32_t(i) * sizes.x_stride + c];
  return state[uint32_t(i + int32_t(sizes.width) - 1) * uint64_t(sizes.channels) + c];
}

// A thread an element.
KERNEL(dynamic_convolution, ConvolutionSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, taps), BUFFER(3, const float, state),
       BUFFER(4, const int32_t, segments), BUFFER(5, const int32_t, slots)) {
  const uint32_t row = BLOCK_X, c = BLOCK_Y * block_size + THREAD;
  if (c >= sizes.channels) return;
  const uint32_t segment = segment_of_row(segments, sizes.segments, row);
  const uint32_t start = uint32_t(segments[segment]);
  GLOBAL(const float) inputs = x + start * sizes.x_stride;
  GLOBAL(const float) past = state + uint32_t(slots[segment]) * sizes.state_stride;
  GLOBAL(const float) own_taps = taps + row * sizes.taps_stride;
  const int32_t oldest = int32_t(row - start) + 1 - int32_t(sizes.width);
  float total = 0.0f;
  for (uint32_t t = 0; t < sizes.width; ++t) {
    const float input = convolution_input(sizes, inputs, past, oldest + int32_t(t), c);
    total = multiply_add(own_taps[t * uint64_t(sizes.channels) + c], input, total);
  }
  out[row * sizes.out_stride + c] = silu(total);
}

// Brings the state up to date, a thread a channel of a segment. In rising order an old input that
// still counts is read before it is overwritten.
KERNEL(convolution_state, ConvolutionSizes, BUFFER(0, float, state), BUFFER(1, const float, x),
       BUFFER(2, const int32_t, segments), BUFFER(3, const int32_t, slots)) {
  const uint32_t segment = BLOCK_X, c = BLOCK_Y * block_size + THREAD;
  const uint32_t start = uint32_t(segments[segment]);
  const int32_t rows = segments[segment + 1] - segments[segment];
  if (c >= sizes.channels || rows == 0) return;
  GLOBAL(const float) inputs = x + start * sizes.x_stride;
  GLOBAL(float) past = state + uint32_t(slots[segment]) * sizes.state_stride;
  for (uint32_t r = 0; r + 1 < sizes.width; ++r) {
    const int32_t newest = rows + 1 - int32_t(sizes.width) + int32_t(r);
    past[r * uint64_t(sizes.channels) + c] = convolution_input(sizes, inputs, past, newest, c);
  }
}
