// All kernels for one instruction set. Compiled once for each, with its compiler flags,
// -DCT_TARGET=name and -DCT_LANES=n.
#include "argmax.cc"
#include "attention.cc"
#include "cache_append.cc"
#include "convert.cc"
#include "dynamic_convolution.cc"
#include "elementwise.cc"
#include "embedding.cc"
#include "gated_delta.cc"
#include "gated_norm.cc"
#include "kernel_table.h"
#include "limits.cc"
#include "linear.cc"
#include "log_sum_exp.cc"
#include "packed.cc"
#include "page_scores.cc"
#include "rms_norm.cc"
#include "rotary.cc"
#include "rows.cc"
#include "select_pages.cc"
#include "top_k.cc"

#define CT_TEXT_OF(name) #name
#define CT_TEXT(name) CT_TEXT_OF(name)

namespace ct {
namespace CT_TARGET {

extern const KernelTable kernels;
const KernelTable kernels = {CT_TEXT(CT_TARGET), embedding,   rms_norm,     linear,
                             add,                silu,        swiglu,       rotary,
                             dynamic_convolution, gated_delta, gated_norm,  cache_append,
                             attention,          page_scores, select_pages, gather_rows,
                             scatter_rows,       argmax,      top_k,        log_sum_exp,
                             convert,            unpack,      repack,       exercise};

}  // namespace CT_TARGET
}  // namespace ct
