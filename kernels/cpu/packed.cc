// Packed weights from and to other representations; how they are multiplied stands in
// linear_packed.h.
#include "file_types.h"
#include "kernel_table.h"
#include "packed_codes.h"

namespace ct {
namespace CT_TARGET {

bool unpack(ThreadPool& pool, const UnpackArgs& args) {
  const Packed weight(args.weight);
  run_blocks(pool, weight.rows, [&](uint32_t row) {
    const uint32_t columns = weight.layout.columns;
    unpack_row(args.out + uint64_t{row} * columns, weight, row, 0, columns);
  });
  return true;
}

// A code in a file.
inline unsigned char file_code(const unsigned char* codes, uint32_t column, uint32_t bits) {
  if (bits == 8) return codes[column];
  return codes[column / 2] >> (column % 2 * 4) & 15;
}

template <typename Source>
float file_scale(const unsigned char* scales, uint32_t group) {
  unsigned char bytes[lanes * 4] = {};
  memcpy(bytes, scales + uint64_t{group} * Source::bytes, Source::bytes);
  return Source::widen(bytes)[0];
}

template <typename Source>
void repack_codes(const RepackArgs& args, const Packed& weight, uint32_t row) {
  const unsigned char* from = args.codes + row * args.codes_stride;
  const unsigned char* scales = args.scales + row * args.scales_stride;
  const uint32_t group = weight.layout.group;
  for (uint32_t g = 0; g < weight.layout.groups(); ++g) {
    unsigned char codes[most_group];
    for (uint32_t i = 0; i < group; ++i) codes[i] = file_code(from, g * group + i, args.bits);
    store_codes(weight, row, g * group, codes);
    weight.scale(row, g) = to_bf16(file_scale<Source>(scales, g * group / args.group));
  }
}

inline void put(float* to, float value) { *to = value; }
inline void put(bf16* to, float value) { *to = to_bf16(value); }

template <typename Source, typename T>
void expand_codes(const RepackArgs& args, uint32_t row) {
  const unsigned char* from = args.codes + row * args.codes_stride;
  const unsigned char* scales = args.scales + row * args.scales_stride;
  T* to = args.out.row<T>(row);
  for (uint32_t begin = 0; begin < args.out.columns; begin += args.group) {
    const float scale = file_scale<Source>(scales, begin / args.group);
    for (uint32_t c = begin; c < begin + args.group; ++c) {
      put(to + c, scale * float(file_code(from, c, args.bits) - zero_code(args.bits)));
    }
  }
}

template <typename Source>
void repack_from(ThreadPool& pool, const RepackArgs& args) {
  run_blocks(pool, args.out.rows, [&](uint32_t row) {
    if (is_packed(args.out.type)) {
      repack_codes<Source>(args, Packed(args.out), row);
    } else if (args.out.type == CT_BF16) {
      expand_codes<Source, bf16>(args, row);
    } else {
      expand_codes<Source, float>(args, row);
    }
  });
}

bool repack(ThreadPool& pool, const RepackArgs& args) {
  if (args.scale_type == CT_F32) {
    repack_from<FileFloat>(pool, args);
  } else if (args.scale_type == CT_BF16) {
    repack_from<FileBf16>(pool, args);
  } else {
    repack_from<FileHalf>(pool, args);
  }
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
