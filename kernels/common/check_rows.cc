// Checks of the operators that look rows up and of those that search them.
#include "arguments.h"
#include "indices.h"
#include "operands.h"
#include "status.h"

namespace ct {
namespace {

// The columns are countable by an i32, and at least one.
bool is_searchable(const Call& call, const Operand& x) {
  const uint32_t columns = x.tensor->columns;
  if (columns && columns <= INT32_MAX) return true;
  return fail("%s: %s has %u columns; pass 1 up to %d", call.name, x.name, columns, INT32_MAX);
}

}  // namespace

bool check_embedding(EmbeddingArgs& args, const ct_device* device, const ct_tensor* out,
                     const ct_tensor* table, const ct_tensor* tokens) {
  const Call call{"ct_embedding", device};
  const Operand to{"out", out}, from{"table", table}, which{"tokens", tokens};
  if (!is_matrix(call, from) || !is_floats_of(call, to, any, table->columns, from) ||
      !is_indices_of(call, which, 1, out->rows, to) || !are_rows(call, which, from) ||
      !is_apart(call, to, from) || !is_apart(call, to, which)) {
    return false;
  }
  args = {floats(to), typed(from), index_row(which)};
  return true;
}

bool check_gather_rows(RowsArgs& args, const ct_device* device, const ct_tensor* out,
                       const ct_tensor* x, const ct_tensor* rows) {
  const Call call{"ct_gather_rows", device};
  const Operand to{"out", out}, from{"x", x}, which{"rows", rows};
  if (!is_floats(call, from) || !is_floats_of(call, to, any, x->columns, from) ||
      !is_indices_of(call, which, 1, out->rows, to) || !are_rows(call, which, from) ||
      !is_apart(call, to, from) || !is_apart(call, to, which)) {
    return false;
  }
  args = {floats(to), const_floats(from), index_row(which), out->rows};
  return true;
}

bool check_scatter_rows(RowsArgs& args, const ct_device* device, const ct_tensor* out,
                        const ct_tensor* x, const ct_tensor* rows) {
  const Call call{"ct_scatter_rows", device};
  const Operand to{"out", out}, from{"x", x}, which{"rows", rows};
  if (!is_floats(call, from) || !is_floats_of(call, to, any, x->columns, from) ||
      !is_indices_of(call, which, 1, x->rows, from) || !are_distinct_rows(call, which, to) ||
      !is_apart(call, to, from) || !is_apart(call, to, which)) {
    return false;
  }
  args = {floats(to), const_floats(from), index_row(which), x->rows};
  return true;
}

bool check_argmax(ArgmaxArgs& args, const ct_device* device, const ct_tensor* out,
                  const ct_tensor* x) {
  const Call call{"ct_argmax", device};
  const Operand to{"out", out}, from{"x", x};
  if (!is_floats(call, from) || !is_searchable(call, from) ||
      !is_indices_of(call, to, 1, x->rows, from) || !is_apart(call, to, from)) {
    return false;
  }
  args = {static_cast<int32_t*>(out->data), const_floats(from)};
  return true;
}

bool check_top_k(TopKArgs& args, const ct_device* device, const ct_tensor* values,
                 const ct_tensor* indices, const ct_tensor* x) {
  const Call call{"ct_top_k", device};
  const Operand best{"values", values}, which{"indices", indices}, from{"x", x};
  if (!is_floats(call, from) || !is_searchable(call, from) ||
      !is_floats_of(call, best, x->rows, any, from) ||
      !is_indices_of(call, which, x->rows, values->columns, best)) {
    return false;
  }
  if (values->columns > x->columns) {
    return fail("%s: values has %u columns but x has %u; pass at most as many", call.name,
                values->columns, x->columns);
  }
  if (!is_apart(call, best, from) || !is_apart(call, which, from) || !is_apart(call, best, which)) {
    return false;
  }
  args = {floats(best),
          {static_cast<int32_t*>(indices->data), indices->rows, indices->columns, indices->stride},
          const_floats(from)};
  return true;
}

bool check_log_sum_exp(LogSumExpArgs& args, const ct_device* device, const ct_tensor* out,
                       const ct_tensor* x, const ct_tensor* scales) {
  const Call call{"ct_log_sum_exp", device};
  const Operand to{"out", out}, from{"x", x}, by{"scales", scales};
  if (!is_floats(call, from) || !is_floats_of(call, by, 1, x->rows, from) ||
      !is_floats_of(call, to, 1, x->rows, from) || !is_apart(call, to, from) ||
      !is_apart(call, to, by)) {
    return false;
  }
  args = {float_row(to), const_floats(from), float_row(by)};
  return true;
}

}  // namespace ct
