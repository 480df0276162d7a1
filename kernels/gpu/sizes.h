// What the host and the kernels have to agree on, and what each kernel is told besides its buffers.
// A stride counts the elements from one row of a matrix to the next. All of it follows from shapes
// and scalars, never from what index operands hold, so that a launch can be recorded: what changes
// from token to token is read by the kernel.
#pragma once
#if !defined(__METAL_VERSION__)
#include <stdint.h>
#endif

#define CT_WARP_THREADS 32
#define CT_BLOCK_THREADS 128  // where a kernel does not say otherwise
#define CT_TILED_ROWS 16  // from which on linear computes tiles
#define CT_LINEAR_TILE 16  // rows and outputs of a tile
#define CT_LINEAR_FEW_ROWS 4  // that share a reading of weights of f32
#define CT_BF16_RUNS 8  // of columns, when weights are bf16: each is added up by itself
#define CT_BF16_FEW_ROWS 16  // up to which a block has few outputs
#define CT_BF16_FEW_OUTPUTS 16
#define CT_BF16_TILE 64  // rows and outputs of a tile
#define CT_PACKED_TILE_ROWS 32  // of a tile, when weights are packed
#define CT_PACKED_TILE_OUTPUTS 64
#define CT_MOST_HEAD_SIZE 256  // of attention and rotary
#define CT_ATTENTION_SPAN 16  // entries of a table that a block reads
#define CT_LIMITS_PAGES 32  // entries of a table whose limits a block has
#define CT_GROUP_HEADS 8  // query heads that share a reading of keys and values, at most
#define CT_ROW_PART 2048  // columns of a row that a block has in registers
#define CT_TOP_K_SPAN 2048  // columns that a block looks through for the greatest
#define CT_DELTA_COLUMNS 16  // of a head's state that a block has
#define CT_DELTA_FEW_KEYS 128  // of a head, up to which a token's kernel needs fewer registers
#define CT_DELTA_MOST_KEYS 256  // of a head
#define CT_DELTA_CHUNK 32  // tokens of a chunk, at most
#define CT_DELTA_CHUNK_COLUMNS 16  // of a head's state that a block has, in chunks
#define CT_DELTA_WARP_KEYS 32  // of a head's keys that a warp has, in chunks
#define CT_DELTA_LONGEST_RECURRENCE 8  // tokens of a segment; longer ones may run in chunks

// `wide`: every row of every operand begins at a multiple of 16 bytes.

struct ElementwiseSizes {
  uint64_t out_stride, x_stride, y_stride;
  uint32_t columns;
  uint32_t wide;
};

struct NormSizes {
  uint64_t out_stride, x_stride;
  uint32_t head_size;
  float epsilon;
  uint32_t wide;
};

struct GatedNormSizes {
  uint64_t out_stride, x_stride, gate_stride;
  uint32_t head_size;
  float epsilon;
  uint32_t wide;
};

struct RowsSizes {
  uint64_t out_stride, x_stride;
  uint32_t columns;
};

// How packed weights lie in memory: see common/packed.h. All but group and bits count words of 32
// bits.
struct PackedSizes {
  uint64_t block_words, scale_words;
  uint32_t group, bits;
};

struct PackedRowsSizes {
  PackedSizes packed;
  uint64_t out_stride;
  uint32_t columns;
};

struct LinearSizes {
  uint64_t out_stride, x_stride, weight_stride;
  uint32_t rows, inputs, outputs;
  uint32_t has_bias;
  uint32_t wide;  // of x and weight
};

struct LinearBf16Sizes {
  uint64_t out_stride, x_stride, weight_stride;
  uint32_t rows, inputs, outputs;
  uint32_t has_bias;
  uint32_t wide_x, wide_weight;  // rows begin at multiples of 16 bytes
};

struct RoundInputSizes {
  uint64_t x_stride;
  uint32_t columns, group;
};

struct LinearPackedSizes {
  PackedSizes packed;
  uint64_t out_stride;
  uint32_t rows, inputs, outputs;
  uint32_t has_bias;
};

struct RotarySizes {
  uint64_t out_stride, x_stride;
  uint32_t pairs;  // of all heads
  uint32_t half_size;  // of a head
  float frequencies[CT_MOST_HEAD_SIZE / 2];
};

struct ConvolutionSizes {
  uint64_t out_stride, x_stride, taps_stride, state_stride;
  uint32_t channels, width, segments;
  uint32_t wide;  // and each of a row's taps and of a state's inputs
};

struct GatedDeltaSizes {
  uint64_t out_stride, q_stride, k_stride, v_stride, a_stride, b_stride, state_stride;
  uint32_t segments, heads, key_size, value_size;
  uint32_t chunk;  // at most CT_DELTA_CHUNK; 0 runs token by token, always
  uint32_t wide;  // rows of v and of each head's state begin at multiples of 16 bytes
};

struct CacheAppendSizes {
  uint64_t keys_stride, values_stride, k_stride, v_stride, bounds_stride;
  uint32_t columns, rows;
  uint32_t page_tokens;
  uint32_t has_bounds;
};

struct TableSizes {
  uint64_t pages_stride, starts_stride, shifts_stride;
  uint32_t width;
};

// Query heads: of all, of a key head, and of a block, at most CT_GROUP_HEADS.
struct GroupSizes {
  uint32_t heads, group, group_part;
};

struct AttentionSizes {
  TableSizes table;
  GroupSizes group;
  uint64_t q_stride, keys_stride, values_stride;
  uint32_t segments, spans;
  uint32_t head_size, window;
  uint32_t first_row;
  uint32_t wide;  // halves of heads begin at multiples of 16 bytes
  float scale;
  float frequencies[CT_MOST_HEAD_SIZE / 2];
};

struct JoinAttentionSizes {
  uint64_t out_stride;
  uint32_t spans, heads, head_size;
  uint32_t first_row;
};

struct PageLimitsSizes {
  TableSizes table;
  GroupSizes group;
  uint64_t q_stride, bounds_stride;
  uint32_t segments;
  uint32_t head_size, bounds_columns;
  uint32_t wide;  // halves of heads begin at multiples of 16 bytes
  float scale;
  float frequencies[CT_MOST_HEAD_SIZE / 2];
};

struct PageScoresSizes {
  uint64_t scores_stride;
  uint32_t width, heads;
};

struct SelectPagesSizes {
  TableSizes table, chosen;
  uint64_t scores_stride;
  uint32_t recent;
};

struct TopKSizes {
  uint64_t values_stride, indices_stride, x_stride;
  uint32_t columns, count;
  uint32_t spans, listed;  // of a row, of a span
  uint32_t has_values;
};

struct LogSumExpSizes {
  uint64_t x_stride;
  uint32_t columns;
  uint32_t parts;  // of a row
  uint32_t wide;
};
