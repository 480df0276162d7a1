// The operators as the backend runs them, on arguments that were checked. Each returns false, with
// the error set, without memory or where the device fails.
#pragma once
#include "arguments.h"

namespace ct {

bool run_embedding(ct_device* device, const EmbeddingArgs& args);
bool run_rms_norm(ct_device* device, const RmsNormArgs& args);
bool run_linear(ct_device* device, const LinearArgs& args);
bool run_add(ct_device* device, const ElementwiseArgs& args);
bool run_silu(ct_device* device, const ElementwiseArgs& args);
bool run_swiglu(ct_device* device, const ElementwiseArgs& args);
bool run_rotary(ct_device* device, const RotaryArgs& args);
bool run_dynamic_convolution(ct_device* device, const DynamicConvolutionArgs& args);
bool run_gated_delta(ct_device* device, const GatedDeltaArgs& args);
bool run_gated_norm(ct_device* device, const GatedNormArgs& args);
bool run_cache_append(ct_device* device, const CacheAppendArgs& args);
bool run_attention(ct_device* device, const AttentionArgs& args);
bool run_page_scores(ct_device* device, const PageScoresArgs& args);
bool run_select_pages(ct_device* device, const SelectPagesArgs& args);
bool run_gather_rows(ct_device* device, const RowsArgs& args);
bool run_scatter_rows(ct_device* device, const RowsArgs& args);
bool run_argmax(ct_device* device, const ArgmaxArgs& args);
bool run_top_k(ct_device* device, const TopKArgs& args);
bool run_log_sum_exp(ct_device* device, const LogSumExpArgs& args);

}  // namespace ct
