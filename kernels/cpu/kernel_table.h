// One table of kernels for each instruction set; target.cc, compiled once for each, fills one in.
// One-thread-at-a-time callers only: a kernel may use the pool's scratch memory as it likes.
#pragma once
#include "../common/arguments.h"
#include "../common/thread_pool.h"

namespace ct {

// A kernel returns false only when memory for its scratch could not be had.
struct KernelTable {
  const char* name;
  bool (*embedding)(ThreadPool&, const EmbeddingArgs&);
  bool (*rms_norm)(ThreadPool&, const RmsNormArgs&);
  bool (*linear)(ThreadPool&, const LinearArgs&);
  bool (*add)(ThreadPool&, const ElementwiseArgs&);
  bool (*silu)(ThreadPool&, const ElementwiseArgs&);
  bool (*swiglu)(ThreadPool&, const ElementwiseArgs&);
  bool (*rotary)(ThreadPool&, const RotaryArgs&);
  bool (*dynamic_convolution)(ThreadPool&, const DynamicConvolutionArgs&);
  bool (*gated_delta)(ThreadPool&, const GatedDeltaArgs&);
  bool (*gated_norm)(ThreadPool&, const GatedNormArgs&);
  bool (*cache_append)(ThreadPool&, const CacheAppendArgs&);
  bool (*attention)(ThreadPool&, const AttentionArgs&);
  bool (*page_scores)(ThreadPool&, const PageScoresArgs&);
  bool (*select_pages)(ThreadPool&, const SelectPagesArgs&);
  bool (*gather_rows)(ThreadPool&, const RowsArgs&);
  bool (*scatter_rows)(ThreadPool&, const RowsArgs&);
  bool (*argmax)(ThreadPool&, const ArgmaxArgs&);
  bool (*top_k)(ThreadPool&, const TopKArgs&);
  bool (*log_sum_exp)(ThreadPool&, const LogSumExpArgs&);
  bool (*convert)(ThreadPool&, const ConvertArgs&);  // ct_tensor_load
  bool (*unpack)(ThreadPool&, const UnpackArgs&);  // ct_tensor_read
  bool (*repack)(ThreadPool&, const RepackArgs&);  // ct_packed_load
  // ct_device_measure; returns the bytes read or operations done.
  double (*exercise)(ThreadPool&, const ExerciseArgs&);
};

}  // namespace ct
