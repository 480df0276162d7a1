// Rows that are looked up: a thread an element.
#pragma once

template <typename T>
DEVICE void gather_element(SIZES(RowsSizes) sizes, GLOBAL(float) out, GLOBAL(const T) x,
                           GLOBAL(const int32_t) rows, uint32_t row, uint32_t c) {
  if (c >= sizes.columns) return;
  out[row * sizes.out_stride + c] = to_float(x[uint32_t(rows[row]) * sizes.x_stride + c]);
}

KERNEL(gather_rows_f32, RowsSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const int32_t, rows)) {
  gather_element<float>(sizes, out, x, rows, BLOCK_X, BLOCK_Y * block_size + THREAD);
}

KERNEL(gather_rows_bf16, RowsSizes, BUFFER(0, float, out), BUFFER(1, const bf16, x),
       BUFFER(2, const int32_t, rows)) {
  gather_element<bf16>(sizes, out, x, rows, BLOCK_X, BLOCK_Y * block_size + THREAD);
}

KERNEL(gather_rows_packed, PackedRowsSizes, BUFFER(0, float, out), BUFFER(1, const uint32_t, x),
       BUFFER(2, const int32_t, rows)) {
  const uint32_t row = uint32_t(rows[BLOCK_X]), c = BLOCK_Y * block_size + THREAD;
  if (c >= sizes.columns) return;
  const uint32_t word = packed_codes(x, sizes.packed, row, c);
  const uint32_t bits = sizes.packed.bits;
  const int32_t code = packed_code(word, bits, c % (32 / bits));
  const float scale = packed_scale(x, sizes.packed, row, c / sizes.packed.group);
  out[BLOCK_X * sizes.out_stride + c] = scale * float(code);
}

KERNEL(scatter_rows, RowsSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const int32_t, rows)) {
  const uint32_t c = BLOCK_Y * block_size + THREAD;
  if (c >= sizes.columns) return;
  out[uint32_t(rows[BLOCK_X]) * sizes.out_stride + c] = x[BLOCK_X * sizes.x_stride + c];
}
