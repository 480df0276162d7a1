// The vocabulary of the argument checks: each function tests one property of one operand and, where
// it does not hold, sets an error that names operator, operand, have and need.
#pragma once
#include <stdint.h>

#include "arguments.h"
#include "tensor.h"

namespace ct {

struct Call {
  const char* name;  // "ct_linear"
  const ct_device* device;
};

struct Operand {
  const char* name;
  const ct_tensor* tensor;
};

constexpr uint64_t any = UINT64_MAX;

// The operand is there, belongs to the call's device and has this type.
bool is_floats(const Call& call, const Operand& operand);
bool is_indices(const Call& call, const Operand& operand);
bool is_weight(const Call& call, const Operand& operand);  // f32 or bf16
bool is_matrix(const Call& call, const Operand& operand);  // f32, bf16 or packed

// The operand is [rows, columns], each of which may be `any`; `other` is what demands it.
bool has_shape(const Call& call, const Operand& operand, uint64_t rows, uint64_t columns,
               const Operand& other);

// is_floats and has_shape.
bool is_floats_of(const Call& call, const Operand& operand, uint64_t rows, uint64_t columns,
                  const Operand& other);
bool is_indices_of(const Call& call, const Operand& operand, uint64_t rows, uint64_t columns,
                   const Operand& other);

// The columns are one or more, and a multiple of `divisor`; `meaning` says what the divisor counts.
bool divides(const Call& call, const Operand& operand, uint64_t divisor, const char* meaning);

// No byte of `out` belongs to `input`.
bool is_apart(const Call& call, const Operand& out, const Operand& input);
// As is_apart, but both may be the very same view.
bool is_apart_or_same(const Call& call, const Operand& out, const Operand& input);

// As is_apart, for each input that is there.
template <uint32_t count>
bool are_apart(const Call& call, const Operand& out, const Operand (&inputs)[count]) {
  for (const Operand& input : inputs) {
    if (input.tensor && !is_apart(call, out, input)) return false;
  }
  return true;
}

// head_size is even and theta a finite number above 0: what a rotary embedding needs.
bool is_rotary(const Call& call, uint32_t head_size, float theta);

Floats floats(const Operand& operand);
ConstFloats const_floats(const Operand& operand);
inline Typed typed(const ct_tensor& t) {
  return {t.data, t.type, t.rows, t.columns, t.stride, t.group};
}
inline Typed typed(const Operand& operand) { return typed(*operand.tensor); }
inline float* float_row(const Operand& operand) {
  return static_cast<float*>(operand.tensor->data);
}
// For the kernels; what the host checks is index_values() of backend.h.
inline const int32_t* index_row(const Operand& operand) {
  return static_cast<const int32_t*>(operand.tensor->data);
}

}  // namespace ct
