#include "operands.h"

#include <stdio.h>

#include "packed.h"
#include "status.h"

namespace ct {
namespace {

bool is_present(const Call& call, const Operand& operand) {
  if (!operand.tensor) return fail("%s: %s is missing; pass a tensor", call.name, operand.name);
  if (operand.tensor->buffer->device == call.device) return true;
  return fail("%s: %s was made on another device; make it on the one that is passed", call.name,
              operand.name);
}

struct Number {
  char text[24];
  explicit Number(uint64_t value) {
    if (value == any) {
      snprintf(text, sizeof text, "*");
    } else {
      snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    }
  }
};

// The bytes of a view: `rows` runs of `width` bytes, `pitch` bytes from one to the next.
struct Runs {
  uint64_t begin, rows, width, pitch;
  explicit Runs(const ct_tensor& tensor)
      : begin(reinterpret_cast<uintptr_t>(tensor.data)),
        rows(tensor.rows),
        width(uint64_t{tensor.columns} * element_bytes(tensor.type)),
        pitch(tensor.stride * element_bytes(tensor.type)) {
    if (!is_packed(tensor.type)) return;
    width = PackedLayout{tensor.type, tensor.columns, tensor.group}.bytes(tensor.rows);
    rows = 1;
    pitch = width;
  }
  uint64_t end() const { return begin + (rows - 1) * pitch + width; }
};

// Whether any run of `many` meets the one run of `one`.
bool meets(const Runs& one, const Runs& many) {
  const uint64_t first_end = many.begin + many.width;
  const uint64_t row = one.begin < first_end ? 0 : (one.begin - first_end) / many.pitch + 1;
  return row < many.rows && many.begin + row * many.pitch < one.begin + one.width;
}

bool overlap(const ct_tensor& x, const ct_tensor& y) {
  const Runs a(x), b(y);
  if (!a.rows || !a.width || !b.rows || !b.width) return false;
  if (a.end() <= b.begin || b.end() <= a.begin) return false;
  if (a.rows == 1) return meets(a, b);
  if (b.rows == 1) return meets(b, a);
  if (a.pitch != b.pitch) return true;  // could interleave, but nobody makes such views
  const Runs& low = a.begin <= b.begin ? a : b;
  const Runs& high = a.begin <= b.begin ? b : a;
  const uint64_t rows_between = (high.begin - low.begin) / low.pitch;
  const uint64_t offset = (high.begin - low.begin) % low.pitch;
  return (offset < low.width && rows_between < low.rows) ||
         (offset + high.width > low.pitch && rows_between + 1 < low.rows);
}

bool is_same_view(const ct_tensor& x, const ct_tensor& y) {
  return x.data == y.data && x.type == y.type && x.rows == y.rows && x.columns == y.columns &&
         (x.rows <= 1 || x.stride == y.stride);
}

}  // namespace

bool is_floats(const Call& call, const Operand& operand) {
  if (!is_present(call, operand)) return false;
  if (operand.tensor->type == CT_F32) return true;
  return fail("%s: %s is %s; pass a tensor of f32", call.name, operand.name,
              type_name(operand.tensor->type));
}

bool is_indices(const Call& call, const Operand& operand) {
  if (!is_present(call, operand)) return false;
  if (operand.tensor->type == CT_I32) return true;
  return fail("%s: %s is %s; pass a tensor of i32", call.name, operand.name,
              type_name(operand.tensor->type));
}

bool is_weight(const Call& call, const Operand& operand) {
  if (!is_present(call, operand)) return false;
  const uint32_t type = operand.tensor->type;
  if (type == CT_F32 || type == CT_BF16) return true;
  return fail("%s: %s is %s; pass a tensor of f32 or bf16", call.name, operand.name,
              type_name(type));
}

bool is_matrix(const Call& call, const Operand& operand) {
  if (!is_present(call, operand)) return false;
  const uint32_t type = operand.tensor->type;
  if (type == CT_F32 || type == CT_BF16 || is_packed(type)) return true;
  return fail("%s: %s is %s; pass a tensor of f32, bf16, q8 or q4", call.name, operand.name,
              type_name(type));
}

bool has_shape(const Call& call, const Operand& operand, uint64_t rows, uint64_t columns,
               const Operand& other) {
  const ct_tensor &have = *operand.tensor, &because = *other.tensor;
  if ((rows == any || have.rows == rows) && (columns == any || have.columns == columns)) {
    return true;
  }
  return fail("%s: %s is [%u, %u] but %s is [%u, %u]; pass %s of [%s, %s]", call.name, operand.name,
              have.rows, have.columns, other.name, because.rows, because.columns, operand.name,
              Number(rows).text, Number(columns).text);
}

bool is_floats_of(const Call& call, const Operand& operand, uint64_t rows, uint64_t columns,
                  const Operand& other) {
  return is_floats(call, operand) && has_shape(call, operand, rows, columns, other);
}

bool is_indices_of(const Call& call, const Operand& operand, uint64_t rows, uint64_t columns,
                   const Operand& other) {
  return is_indices(call, operand) && has_shape(call, operand, rows, columns, other);
}

bool divides(const Call& call, const Operand& operand, uint64_t divisor, const char* meaning) {
  const uint32_t columns = operand.tensor->columns;
  if (divisor && columns && columns % divisor == 0) return true;
  return fail("%s: %s has %u columns but the %s is %llu; pass one or more times as many columns",
              call.name, operand.name, columns, meaning, (unsigned long long)divisor);
}

bool is_apart(const Call& call, const Operand& out, const Operand& input) {
  if (!overlap(*out.tensor, *input.tensor)) return true;
  return fail("%s: %s and %s share memory; pass tensors that do not", call.name, out.name,
              input.name);
}

bool is_apart_or_same(const Call& call, const Operand& out, const Operand& input) {
  if (is_same_view(*out.tensor, *input.tensor) || !overlap(*out.tensor, *input.tensor)) return true;
  return fail("%s: %s and %s share memory but are different views; pass one view or tensors apart",
              call.name, out.name, input.name);
}

bool is_rotary(const Call& call, uint32_t head_size, float theta) {
  if (!head_size || head_size % 2) {
    return fail("%s: head_size is %u; pass an even number", call.name, head_size);
  }
  if (theta > 0 && theta <= __FLT_MAX__) return true;
  return fail("%s: theta is %g; pass a finite number above 0", call.name, double(theta));
}

Floats floats(const Operand& operand) {
  const ct_tensor& t = *operand.tensor;
  return {static_cast<float*>(t.data), t.rows, t.columns, t.stride};
}

ConstFloats const_floats(const Operand& operand) {
  const ct_tensor& t = *operand.tensor;
  return {static_cast<const float*>(t.data), t.rows, t.columns, t.stride};
}

}  // namespace ct
