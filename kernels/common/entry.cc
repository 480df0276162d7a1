// The operators of contrail.h: take the device, check the arguments, have the backend run them.
#include <initializer_list>

#include "arguments.h"
#include "backend.h"
#include "buffer.h"
#include "device.h"
#include "operands.h"
#include "operators.h"

using namespace ct;

namespace {

// Notes that something is missing in what is recorded, if anything is.
int32_t failed(ct_device* device) {
  if (device->recording) device->recording->failed = true;
  return -1;
}

template <typename... Operands>
bool hold_operands(ct_device* device, const char* name, Operands... operands) {
  ct_recording* const recording = device->recording;
  return !recording || (hold_operand(recording, name, operands) && ...);
}

// None of the operands that are written to lies in a file.
bool are_writable(const char* name, std::initializer_list<Operand> written) {
  for (const Operand& operand : written) {
    if (operand.tensor && !is_writable(name, operand.name, *operand.tensor)) return false;
  }
  return true;
}

template <typename Args, typename... Operands>
int32_t call(std::initializer_list<Operand> written, const char* name,
             bool (*run)(ct_device*, const Args&),
             bool (*check)(Args&, const ct_device*, Operands...), ct_device* device,
             Operands... operands) {
  DeviceGuard guard(device, name, Access::recording_device);
  if (!guard) return -1;
  Args args{};
  if (!check(args, device, operands...) || !are_writable(name, written) ||
      !hold_operands(device, name, operands...) || !run(device, args)) {
    return failed(device);
  }
  for (const Operand& operand : written) {
    if (operand.tensor && operand.tensor->type == CT_I32) forget_indices(*operand.tensor);
  }
  return 0;
}

using Tensor = const ct_tensor*;

}  // namespace

extern "C" {

int32_t ct_embedding(ct_device* device, ct_tensor* out, ct_tensor* table, ct_tensor* tokens) {
  return call({{"out", out}}, "ct_embedding", run_embedding, check_embedding, device, Tensor(out),
              Tensor(table), Tensor(tokens));
}

int32_t ct_rms_norm(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* weight,
                    float epsilon) {
  return call({{"out", out}}, "ct_rms_norm", run_rms_norm, check_rms_norm, device, Tensor(out),
              Tensor(x), Tensor(weight), epsilon);
}

int32_t ct_linear(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* weight,
                  ct_tensor* bias) {
  return call({{"out", out}}, "ct_linear", run_linear, check_linear, device, Tensor(out), Tensor(x),
              Tensor(weight), Tensor(bias));
}

int32_t ct_add(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* y) {
  return call({{"out", out}}, "ct_add", run_add, check_add, device, Tensor(out), Tensor(x),
              Tensor(y));
}

int32_t ct_silu(ct_device* device, ct_tensor* out, ct_tensor* x) {
  return call({{"out", out}}, "ct_silu", run_silu, check_silu, device, Tensor(out), Tensor(x));
}

int32_t ct_swiglu(ct_device* device, ct_tensor* out, ct_tensor* gate, ct_tensor* up) {
  return call({{"out", out}}, "ct_swiglu", run_swiglu, check_swiglu, device, Tensor(out),
              Tensor(gate), Tensor(up));
}

int32_t ct_rotary(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* positions,
                  uint32_t head_size, float theta) {
  return call({{"out", out}}, "ct_rotary", run_rotary, check_rotary, device, Tensor(out), Tensor(x),
              Tensor(positions), head_size, theta);
}

int32_t ct_dynamic_convolution(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* taps,
                               ct_tensor* state, ct_tensor* segments, ct_tensor* slots) {
  return call({{"out", out}, {"state", state}}, "ct_dynamic_convolution", run_dynamic_convolution,
              check_dynamic_convolution, device, Tensor(out), Tensor(x), Tensor(taps),
              Tensor(state), Tensor(segments), Tensor(slots));
}

int32_t ct_gated_delta(ct_device* device, ct_tensor* out, ct_tensor* q, ct_tensor* k, ct_tensor* v,
                       ct_tensor* a, ct_tensor* b, ct_tensor* a_log, ct_tensor* dt_bias,
                       ct_tensor* state, ct_tensor* segments, ct_tensor* slots, uint32_t chunk) {
  return call({{"out", out}, {"state", state}}, "ct_gated_delta", run_gated_delta,
              check_gated_delta, device, Tensor(out), Tensor(q), Tensor(k), Tensor(v), Tensor(a),
              Tensor(b), Tensor(a_log), Tensor(dt_bias), Tensor(state), Tensor(segments),
              Tensor(slots), chunk);
}

int32_t ct_gated_norm(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* gate,
                      ct_tensor* weight, float epsilon) {
  return call({{"out", out}}, "ct_gated_norm", run_gated_norm, check_gated_norm, device,
              Tensor(out), Tensor(x), Tensor(gate), Tensor(weight), epsilon);
}

int32_t ct_cache_append(ct_device* device, ct_tensor* keys, ct_tensor* values, ct_tensor* k,
                        ct_tensor* v, ct_tensor* rows, ct_tensor* bounds) {
  return call({{"keys", keys}, {"values", values}, {"bounds", bounds}}, "ct_cache_append",
              run_cache_append, check_cache_append, device, Tensor(keys), Tensor(values), Tensor(k),
              Tensor(v), Tensor(rows), Tensor(bounds));
}

int32_t ct_attention(ct_device* device, ct_tensor* out, ct_tensor* q, ct_tensor* keys,
                     ct_tensor* values, ct_tensor* positions, ct_tensor* segments,
                     ct_tensor* pages, ct_tensor* starts, ct_tensor* shifts, uint32_t head_size,
                     uint32_t window, float theta) {
  return call({{"out", out}}, "ct_attention", run_attention, check_attention, device, Tensor(out),
              Tensor(q), Tensor(keys), Tensor(values), Tensor(positions), Tensor(segments),
              Tensor(pages), Tensor(starts), Tensor(shifts), head_size, window, theta);
}

int32_t ct_page_scores(ct_device* device, ct_tensor* scores, ct_tensor* q, ct_tensor* bounds,
                       ct_tensor* positions, ct_tensor* segments, ct_tensor* pages,
                       ct_tensor* starts, ct_tensor* shifts, uint32_t head_size, float theta) {
  return call({{"scores", scores}}, "ct_page_scores", run_page_scores, check_page_scores, device,
              Tensor(scores), Tensor(q), Tensor(bounds), Tensor(positions), Tensor(segments),
              Tensor(pages), Tensor(starts), Tensor(shifts), head_size, theta);
}

int32_t ct_select_pages(ct_device* device, ct_tensor* chosen_pages, ct_tensor* chosen_starts,
                        ct_tensor* chosen_shifts, ct_tensor* scores, ct_tensor* pages,
                        ct_tensor* starts, ct_tensor* shifts, uint32_t recent) {
  return call({{"chosen_pages", chosen_pages},
               {"chosen_starts", chosen_starts},
               {"chosen_shifts", chosen_shifts}},
              "ct_select_pages", run_select_pages, check_select_pages, device, Tensor(chosen_pages),
              Tensor(chosen_starts), Tensor(chosen_shifts), Tensor(scores), Tensor(pages),
              Tensor(starts), Tensor(shifts), recent);
}

int32_t ct_gather_rows(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* rows) {
  return call({{"out", out}}, "ct_gather_rows", run_gather_rows, check_gather_rows, device,
              Tensor(out), Tensor(x), Tensor(rows));
}

int32_t ct_scatter_rows(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* rows) {
  return call({{"out", out}}, "ct_scatter_rows", run_scatter_rows, check_scatter_rows, device,
              Tensor(out), Tensor(x), Tensor(rows));
}

int32_t ct_argmax(ct_device* device, ct_tensor* out, ct_tensor* x) {
  return call({{"out", out}}, "ct_argmax", run_argmax, check_argmax, device, Tensor(out),
              Tensor(x));
}

int32_t ct_top_k(ct_device* device, ct_tensor* values, ct_tensor* indices, ct_tensor* x) {
  return call({{"values", values}, {"indices", indices}}, "ct_top_k", run_top_k, check_top_k,
              device, Tensor(values), Tensor(indices), Tensor(x));
}

int32_t ct_log_sum_exp(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* scales) {
  return call({{"out", out}}, "ct_log_sum_exp", run_log_sum_exp, check_log_sum_exp, device,
              Tensor(out), Tensor(x), Tensor(scales));
}

}  // extern "C"
