// Sums and gates, a thread an element.
#pragma once

KERNEL(add, ElementwiseSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, y)) {
  const uint32_t row = BLOCK_X, c = BLOCK_Y * block_size + THREAD;
  if (c >= sizes.columns) return;
  out[row * sizes.out_stride + c] = x[row * sizes.x_stride + c] + y[row * sizes.y_stride + c];
}

KERNEL(silu, ElementwiseSizes, BUFFER(0, float, out), BUFFER(1, const float, x)) {
  const uint32_t row = BLOCK_X, c = BLOCK_Y * block_size + THREAD;
  if (c >= sizes.columns) return;
  out[row * sizes.out_stride + c] = silu(x[row * sizes.x_stride + c]);
}

KERNEL(swiglu, ElementwiseSizes, BUFFER(0, float, out), BUFFER(1, const float, gate),
       BUFFER(2, const float, up)) {
  const uint32_t row = BLOCK_X, c = BLOCK_Y * block_size + THREAD;
  if (c >= sizes.columns) return;
  out[row * sizes.out_stride + c] =
      silu(gate[row * sizes.x_stride + c]) * up[row * sizes.y_stride + c];
}
