// The weighted sums of the values of a span. Each value is read once for all query heads.
#pragma once
#include "attention_span.h"
#include "wide.h"

// Adds what the rows of a warp's lanes bring. Lane l gets sum l * count / warp_size of the `count`.
template <uint32_t count>
DEVICE float sum_of_rows(LaneSums<count> sums, uint32_t lane) {
  float sum = spread_sums<count, count>(sums, lane).at[0];
  // Fewer sums than rows: several rows are left with parts of the same.
  for (uint32_t mask = warp_size / 2 / count; mask >= warp_size / attention_rows; mask /= 2) {
    sum += shuffle_xor(sum, mask);
  }
  return sum;
}

// A lane's values of two tokens of a page.
struct TokenValues {
  uint4 at[2];
};

template <bool is_wide, typename T>
DEVICE TokenValues load_values(SIZES(AttentionSizes) sizes, GLOBAL(const T) values, SeenPage page,
                               uint32_t token, uint32_t column) {
  TokenValues loaded;
  UNROLL
  for (uint32_t t = 0; t < 2; ++t) {
    const uint32_t own = token + t * attention_rows;
    const bool reads = sees(page, own) && column < sizes.head_size;
    GLOBAL(const T) from = values + ((uint64_t(page.row) + own) * sizes.values_stride + column);
    loaded.at[t] = read_words(from, 0, reads ? sizes.head_size - column : 0, is_wide);
  }
  return loaded;
}

// The weighted sums of values of the span, totals[heads, spans, head_size]: a warp has each fourth
// run of columns, and a row of its lanes two tokens of each page. The next page's are loaded while
// this one's are added.
template <bool is_wide, typename T>
DEVICE void add_values(SIZES(AttentionSizes) sizes, AttentionShared shared, uint32_t heads,
                       GLOBAL(float) totals, GLOBAL(const T) values, uint32_t thread_index) {
  constexpr uint32_t each = 16 / sizeof(T);
  const uint32_t warp = thread_index / warp_size, lane = thread_index % warp_size;
  const uint32_t token = lane / 4;
  for (uint32_t run = warp; run * 4 * each < sizes.head_size; run += block_warps) {
    const uint32_t column = (run * 4 + lane % 4) * each;
    LaneSums<each> sums[most_group_heads] = {};
    TokenValues next = load_values<is_wide, T>(sizes, values, shared.pages[0], token, column);
    for (uint32_t entry = 0; entry < attention_span; ++entry) {
      const TokenValues own = next;
      if (entry + 1 < attention_span) {
        next = load_values<is_wide, T>(sizes, values, shared.pages[entry + 1], token, column);
      }
      if (shared.pages[entry].end == 0) continue;
      UNROLL
      for (uint32_t t = 0; t < 2; ++t) {
        const uint32_t place = entry * attention_page + token + t * attention_rows;
        SHARED_POINTER(float) weights = shared.weights + place * most_group_heads;
        const uint4 first = load_wide(weights), second = load_wide(weights + 4);
        UNROLL
        for (uint32_t h = 0; h < most_group_heads; ++h) {
          if (h >= heads) continue;
          const float weight = wide_of<float>(h < 4 ? first : second).at[h % 4];
          UNROLL
          for (uint32_t k = 0; k < each; ++k) {
            sums[h].at[k] = multiply_add(weight, wide_of<T>(own.at[t]).at[k], sums[h].at[k]);
          }
        }
      }
    }
    const uint32_t own_column = column + lane * each / warp_size;
    UNROLL
    for (uint32_t h = 0; h < most_group_heads; ++h) {
      if (h >= heads) continue;
      const float sum = sum_of_rows<each>(sums[h], lane);
      if (own_column >= sizes.head_size) continue;
      totals[uint64_t(h) * sizes.spans * sizes.head_size + own_column] = sum;
    }
  }
}
