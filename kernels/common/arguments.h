// The checked arguments of every operator: plain pointers and sizes, filled in by the check_*
// functions from the tensors that a caller passed. A backend's kernels see these structs only, so
// no kernel checks a size again.
#pragma once
#include <stdint.h>

#include "../include/contrail.h"

// For what is defined outside the namespace of an instruction set but compiled for each of them: an
// out-of-line copy made for one set could be linked into another.
#define CT_ALWAYS_INLINE __attribute__((always_inline)) inline

namespace ct {

// A matrix view: element (r, c) is data[r * stride + c].
template <typename T>
struct Matrix {
  T* data;
  uint32_t rows, columns;
  uint64_t stride;
  CT_ALWAYS_INLINE T* row(uint64_t r) const { return data + r * stride; }
};

using Floats = Matrix<float>;
using ConstFloats = Matrix<const float>;
using Indices = Matrix<const int32_t>;

// bf16 bits; a type of its own so that overloads tell them from other 16-bit integers.
struct bf16 {
  uint16_t bits;
};

// A weight, state or cache matrix whose element type is known at run time only: CT_F32 or CT_BF16,
// and for weights also CT_Q8 or CT_Q4, which packed.h reads.
struct Typed {
  void* data;
  uint32_t type;
  uint32_t rows, columns;
  uint64_t stride;
  uint32_t group = 0;  // columns that share a scale, in packed weights
  template <typename T>
  CT_ALWAYS_INLINE T* row(uint64_t r) const {
    return static_cast<T*>(data) + r * stride;
  }
};

// N rows in S segments: rows starts[s] ... starts[s + 1] - 1 belong to segment s, whose state is
// row slots[s].
struct Segments {
  const int32_t* starts;
  const int32_t* slots;  // null where an operator has no slots
  uint32_t count;
};

// The pages that each segment reads, all [segments, width]; see contrail.h.
struct PageTable {
  Indices pages, starts, shifts;
};

struct EmbeddingArgs {
  Floats out;
  Typed table;
  const int32_t* tokens;
};
struct RmsNormArgs {
  Floats out;
  ConstFloats x;
  const float* weight;
  uint32_t heads, head_size;
  float epsilon;
};
struct LinearArgs {
  Floats out;  // [N, M]
  ConstFloats x;  // [N, K]
  Typed weight;  // [M, K]
  const float* bias;  // [M] or null
};
// add, silu, swiglu: all operands [N, D]; y is unused by silu.
struct ElementwiseArgs {
  Floats out;
  ConstFloats x, y;
};
struct RotaryArgs {
  Floats out;
  ConstFloats x;
  const int32_t* positions;
  uint32_t heads, head_size;
  float theta;
};
struct DynamicConvolutionArgs {
  Floats out;  // [N, C]
  ConstFloats x;  // [N, C]
  ConstFloats taps;  // [N, W*C], tap-major
  Floats state;  // [slots, (W-1)*C], oldest first; data is null when W is 1
  Segments segments;
  uint32_t width;  // W
};
struct GatedDeltaArgs {
  Floats out;  // [N, H*V]
  ConstFloats q, k;  // [N, H*K]
  ConstFloats v;  // [N, H*V]
  ConstFloats a, b;  // [N, H]
  const float* a_log;  // [H]
  const float* dt_bias;  // [H]
  Typed state;  // [slots, H*K*V]
  Segments segments;
  uint32_t heads, key_size, value_size;
  uint32_t chunk;
};
struct GatedNormArgs {
  Floats out;
  ConstFloats x, gate;
  const float* weight;
  uint32_t heads, head_size;
  float epsilon;
};
struct CacheAppendArgs {
  Typed keys, values;
  ConstFloats k, v;
  const int32_t* rows;  // of the caches
  Floats bounds;  // [pages, 2*columns]; data is null where none are kept
};
struct AttentionArgs {
  Floats out;
  ConstFloats q;
  Typed keys, values;
  const int32_t* positions;
  Segments segments;
  PageTable table;
  uint32_t heads, kv_heads, head_size;
  uint32_t window;  // 0: every position up to the query's
  float theta;
};
struct PageScoresArgs {
  Floats scores;  // [segments, width]
  ConstFloats q;
  ConstFloats bounds;
  const int32_t* positions;
  Segments segments;
  PageTable table;
  uint32_t heads, kv_heads, head_size;
  float theta;
};
struct SelectPagesArgs {
  Matrix<int32_t> pages, starts, shifts;  // [segments, count], the chosen
  ConstFloats scores;  // [segments, width]
  PageTable table;
  uint32_t recent;
};
// gather: out[m] = x[rows[m]]; scatter: out[rows[m]] = x[m]; count rows either way.
struct RowsArgs {
  Floats out;
  ConstFloats x;
  const int32_t* rows;
  uint32_t count;
};
struct ArgmaxArgs {
  int32_t* out;
  ConstFloats x;
};
struct TopKArgs {
  Floats values;
  Matrix<int32_t> indices;
  ConstFloats x;
};
struct LogSumExpArgs {
  float* out;
  ConstFloats x;
  const float* scales;
};
// Fills out from a file or from memory: row r is dense at source + r * source_stride bytes, of
// CT_F32, CT_BF16 or CT_F16.
struct ConvertArgs {
  Typed out;
  const unsigned char* source;
  uint32_t source_type;
  uint64_t source_stride;
};
// Writes what packed weights stand for, row after row.
struct UnpackArgs {
  float* out;
  Typed weight;
};
// Work of a kind, for a limit to be measured.
struct ExerciseArgs {
  uint32_t limit;
  const unsigned char* data;
  uint64_t bytes;
};
// Fills out from codes and scales in a file, the rows of each dense and a fixed step apart.
struct RepackArgs {
  Typed out;
  const unsigned char *codes, *scales;
  uint64_t codes_stride, scales_stride;  // bytes
  uint32_t scale_type, bits, group;
};

// Each check fills `args` in and returns true, or returns false with the error set. It reads the
// contents of index operands too.
bool check_embedding(EmbeddingArgs& args, const ct_device* device, const ct_tensor* out,
                     const ct_tensor* table, const ct_tensor* tokens);
bool check_rms_norm(RmsNormArgs& args, const ct_device* device, const ct_tensor* out,
                    const ct_tensor* x, const ct_tensor* weight, float epsilon);
bool check_linear(LinearArgs& args, const ct_device* device, const ct_tensor* out,
                  const ct_tensor* x, const ct_tensor* weight, const ct_tensor* bias);
bool check_add(ElementwiseArgs& args, const ct_device* device, const ct_tensor* out,
               const ct_tensor* x, const ct_tensor* y);
bool check_silu(ElementwiseArgs& args, const ct_device* device, const ct_tensor* out,
                const ct_tensor* x);
bool check_swiglu(ElementwiseArgs& args, const ct_device* device, const ct_tensor* out,
                  const ct_tensor* gate, const ct_tensor* up);
bool check_rotary(RotaryArgs& args, const ct_device* device, const ct_tensor* out,
                  const ct_tensor* x, const ct_tensor* positions, uint32_t head_size, float theta);
bool check_dynamic_convolution(DynamicConvolutionArgs& args, const ct_device* device,
                               const ct_tensor* out, const ct_tensor* x, const ct_tensor* taps,
                               const ct_tensor* state, const ct_tensor* segments,
                               const ct_tensor* slots);
bool check_gated_delta(GatedDeltaArgs& args, const ct_device* device, const ct_tensor* out,
                       const ct_tensor* q, const ct_tensor* k, const ct_tensor* v,
                       const ct_tensor* a, const ct_tensor* b, const ct_tensor* a_log,
                       const ct_tensor* dt_bias, const ct_tensor* state, const ct_tensor* segments,
                       const ct_tensor* slots, uint32_t chunk);
bool check_gated_norm(GatedNormArgs& args, const ct_device* device, const ct_tensor* out,
                      const ct_tensor* x, const ct_tensor* gate, const ct_tensor* weight,
                      float epsilon);
bool check_cache_append(CacheAppendArgs& args, const ct_device* device, const ct_tensor* keys,
                        const ct_tensor* values, const ct_tensor* k, const ct_tensor* v,
                        const ct_tensor* rows, const ct_tensor* bounds);
bool check_attention(AttentionArgs& args, const ct_device* device, const ct_tensor* out,
                     const ct_tensor* q, const ct_tensor* keys, const ct_tensor* values,
                     const ct_tensor* positions, const ct_tensor* segments, const ct_tensor* pages,
                     const ct_tensor* starts, const ct_tensor* shifts, uint32_t head_size,
                     uint32_t window, float theta);
bool check_page_scores(PageScoresArgs& args, const ct_device* device, const ct_tensor* scores,
                       const ct_tensor* q, const ct_tensor* bounds, const ct_tensor* positions,
                       const ct_tensor* segments, const ct_tensor* pages, const ct_tensor* starts,
                       const ct_tensor* shifts, uint32_t head_size, float theta);
bool check_select_pages(SelectPagesArgs& args, const ct_device* device,
                        const ct_tensor* chosen_pages, const ct_tensor* chosen_starts,
                        const ct_tensor* chosen_shifts, const ct_tensor* scores,
                        const ct_tensor* pages, const ct_tensor* starts, const ct_tensor* shifts,
                        uint32_t recent);
bool check_gather_rows(RowsArgs& args, const ct_device* device, const ct_tensor* out,
                       const ct_tensor* x, const ct_tensor* rows);
bool check_scatter_rows(RowsArgs& args, const ct_device* device, const ct_tensor* out,
                        const ct_tensor* x, const ct_tensor* rows);
bool check_argmax(ArgmaxArgs& args, const ct_device* device, const ct_tensor* out,
                  const ct_tensor* x);
bool check_top_k(TopKArgs& args, const ct_device* device, const ct_tensor* values,
                 const ct_tensor* indices, const ct_tensor* x);
bool check_log_sum_exp(LogSumExpArgs& args, const ct_device* device, const ct_tensor* out,
                       const ct_tensor* x, const ct_tensor* scales);

}  // namespace ct
