// Writes new keys and values to their rows of the caches and keeps the bounds of the keys: a thread
// a column, for the rows of a page widen its bounds in their order.
#pragma once

template <typename T>
DEVICE void append_column(GLOBAL(T) cache, uint64_t cache_stride, GLOBAL(const float) x,
                          uint64_t x_stride, GLOBAL(const int32_t) rows, uint32_t count,
                          uint32_t c) {
  for (uint32_t r = 0; r < count; ++r) {
    cache[uint32_t(rows[r]) * cache_stride + c] = from_float<T>(x[r * x_stride + c]);
  }
}

template <typename T>
DEVICE void widen_bounds(SIZES(CacheAppendSizes) sizes, GLOBAL(float) bounds, GLOBAL(const T) keys,
                         GLOBAL(const int32_t) rows, uint32_t c) {
  for (uint32_t r = 0; r < sizes.rows; ++r) {
    const uint32_t row = uint32_t(rows[r]);
    const float x = to_float(keys[row * sizes.keys_stride + c]);  // as it is stored
    const bool begins = row % sizes.page_tokens == 0;
    const uint64_t least = row / sizes.page_tokens * sizes.bounds_stride + c;
    const uint64_t greatest = least + sizes.columns;
    if (begins || x < bounds[least]) bounds[least] = x;
    if (begins || x > bounds[greatest]) bounds[greatest] = x;
  }
}

#define CACHE_APPEND_KERNEL(name, T)                                                            \
  KERNEL(name, CacheAppendSizes, BUFFER(0, T, keys), BUFFER(1, T, values),                      \
         BUFFER(2, const float, k), BUFFER(3, const float, v), BUFFER(4, const int32_t, rows),  \
         BUFFER(5, float, bounds)) {                                                            \
    const uint32_t c = BLOCK_X * block_size + THREAD;                                           \
    if (c >= sizes.columns) return;                                                             \
    if (BLOCK_Y == 1) {                                                                         \
      append_column<T>(values, sizes.values_stride, v, sizes.v_stride, rows, sizes.rows, c);    \
      return;                                                                                   \
    }                                                                                           \
    append_column<T>(keys, sizes.keys_stride, k, sizes.k_stride, rows, sizes.rows, c);          \
    if (sizes.has_bounds) widen_bounds<T>(sizes, bounds, keys, rows, c);                        \
  }

CACHE_APPEND_KERNEL(cache_append_f32, float)
CACHE_APPEND_KERNEL(cache_append_bf16, bf16)
