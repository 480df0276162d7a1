#include "../common/operators.h"

#include "../common/status.h"
#include "device.h"

namespace ct {
namespace {

template <typename Args>
bool run(const char* name, bool (*KernelTable::*kernel)(ThreadPool&, const Args&),
         ct_device* device, const Args& args) {
  if ((kernels_of(device).*kernel)(device->pool, args)) return true;
  return fail_memory("%s: out of memory for scratch; free some", name);
}

}  // namespace

bool run_embedding(ct_device* device, const EmbeddingArgs& args) {
  return run("ct_embedding", &KernelTable::embedding, device, args);
}

bool run_rms_norm(ct_device* device, const RmsNormArgs& args) {
  return run("ct_rms_norm", &KernelTable::rms_norm, device, args);
}

bool run_linear(ct_device* device, const LinearArgs& args) {
  return run("ct_linear", &KernelTable::linear, device, args);
}

bool run_add(ct_device* device, const ElementwiseArgs& args) {
  return run("ct_add", &KernelTable::add, device, args);
}

bool run_silu(ct_device* device, const ElementwiseArgs& args) {
  return run("ct_silu", &KernelTable::silu, device, args);
}

bool run_swiglu(ct_device* device, const ElementwiseArgs& args) {
  return run("ct_swiglu", &KernelTable::swiglu, device, args);
}

bool run_rotary(ct_device* device, const RotaryArgs& args) {
  return run("ct_rotary", &KernelTable::rotary, device, args);
}

bool run_dynamic_convolution(ct_device* device, const DynamicConvolutionArgs& args) {
  return run("ct_dynamic_convolution", &KernelTable::dynamic_convolution, device, args);
}

bool run_gated_delta(ct_device* device, const GatedDeltaArgs& args) {
  return run("ct_gated_delta", &KernelTable::gated_delta, device, args);
}

bool run_gated_norm(ct_device* device, const GatedNormArgs& args) {
  return run("ct_gated_norm", &KernelTable::gated_norm, device, args);
}

bool run_cache_append(ct_device* device, const CacheAppendArgs& args) {
  return run("ct_cache_append", &KernelTable::cache_append, device, args);
}

bool run_attention(ct_device* device, const AttentionArgs& args) {
  return run("ct_attention", &KernelTable::attention, device, args);
}

bool run_page_scores(ct_device* device, const PageScoresArgs& args) {
  return run("ct_page_scores", &KernelTable::page_scores, device, args);
}

bool run_select_pages(ct_device* device, const SelectPagesArgs& args) {
  return run("ct_select_pages", &KernelTable::select_pages, device, args);
}

bool run_gather_rows(ct_device* device, const RowsArgs& args) {
  return run("ct_gather_rows", &KernelTable::gather_rows, device, args);
}

bool run_scatter_rows(ct_device* device, const RowsArgs& args) {
  return run("ct_scatter_rows", &KernelTable::scatter_rows, device, args);
}

bool run_argmax(ct_device* device, const ArgmaxArgs& args) {
  return run("ct_argmax", &KernelTable::argmax, device, args);
}

bool run_top_k(ct_device* device, const TopKArgs& args) {
  return run("ct_top_k", &KernelTable::top_k, device, args);
}

bool run_log_sum_exp(ct_device* device, const LogSumExpArgs& args) {
  return run("ct_log_sum_exp", &KernelTable::log_sum_exp, device, args);
}

}  // namespace ct
