// Operators that have no kernel for GPUs yet: calling one is an error.
#include "../../common/operators.h"
#include "../../common/status.h"

namespace ct {
namespace {

bool is_not_there(const char* call) {
  return fail("%s is not there on this device yet; use the CPU", call);
}

}  // namespace

#define CT_NOT_THERE(operator_, Args) \
  bool run_##operator_(ct_device*, const Args&) { return is_not_there("ct_" #operator_); }

CT_NOT_THERE(embedding, EmbeddingArgs)
CT_NOT_THERE(linear, LinearArgs)
CT_NOT_THERE(add, ElementwiseArgs)
CT_NOT_THERE(silu, ElementwiseArgs)
CT_NOT_THERE(swiglu, ElementwiseArgs)
CT_NOT_THERE(rotary, RotaryArgs)
CT_NOT_THERE(dynamic_convolution, DynamicConvolutionArgs)
CT_NOT_THERE(gated_delta, GatedDeltaArgs)
CT_NOT_THERE(gated_norm, GatedNormArgs)
CT_NOT_THERE(cache_append, CacheAppendArgs)
CT_NOT_THERE(attention, AttentionArgs)
CT_NOT_THERE(page_scores, PageScoresArgs)
CT_NOT_THERE(select_pages, SelectPagesArgs)
CT_NOT_THERE(gather_rows, RowsArgs)
CT_NOT_THERE(scatter_rows, RowsArgs)
CT_NOT_THERE(argmax, ArgmaxArgs)
CT_NOT_THERE(top_k, TopKArgs)
CT_NOT_THERE(log_sum_exp, LogSumExpArgs)

}  // namespace ct
