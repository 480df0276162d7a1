// Elements of a weight file into a tensor of f32, bf16 or packed weights.
#include "file_types.h"
#include "kernel_table.h"
#include "packed_codes.h"
#include "split.h"

namespace ct {
namespace CT_TARGET {

template <typename Source, typename T>
void convert_elements(const unsigned char* from, T* to, uint64_t count) {
  uint64_t i = 0;
  for (; i + lanes <= count; i += lanes) store(to + i, Source::widen(from + i * Source::bytes));
  if (i == count) return;
  unsigned char rest[lanes * 4] = {};
  memcpy(rest, from + i * Source::bytes, (count - i) * Source::bytes);
  store_part(to + i, Source::widen(rest), uint32_t(count - i));
}

template <typename Source, typename T>
void convert_matrix(ThreadPool& pool, const ConvertArgs& args) {
  const auto part = [&args](uint64_t r, uint64_t begin, uint64_t end) {
    const unsigned char* from = args.source + r * args.source_stride + begin * Source::bytes;
    convert_elements<Source>(from, args.out.row<T>(r) + begin, end - begin);
  };
  run_parts(pool, args.out.rows, args.out.columns, 65536, part);
}

template <typename Source>
void quantize(ThreadPool& pool, const ConvertArgs& args) {
  const Packed weight(args.out);
  const uint32_t group = weight.layout.group, bits = packed_bits(weight.layout.type);
  run_blocks(pool, weight.rows, [&](uint32_t row) {
    const unsigned char* from = args.source + row * args.source_stride;
    for (uint32_t g = 0; g < weight.layout.groups(); ++g) {
      float values[most_group];
      unsigned char codes[most_group];
      for (uint32_t i = 0; i < group; i += lanes) {
        store(values + i, Source::widen(from));
        from += lanes * Source::bytes;
      }
      const bf16 scale = scale_of(values, group, bits);
      codes_of(codes, values, group, to_float(scale), bits);
      weight.scale(row, g) = scale;
      store_codes(weight, row, g * group, codes);
    }
  });
}

template <typename Source>
void convert_from(ThreadPool& pool, const ConvertArgs& args) {
  if (is_packed(args.out.type)) {
    quantize<Source>(pool, args);
  } else if (args.out.type == CT_BF16) {
    convert_matrix<Source, bf16>(pool, args);
  } else {
    convert_matrix<Source, float>(pool, args);
  }
}

bool convert(ThreadPool& pool, const ConvertArgs& args) {
  if (args.source_type == CT_F32) {
    convert_from<FileFloat>(pool, args);
  } else if (args.source_type == CT_BF16) {
    convert_from<FileBf16>(pool, args);
  } else {
    convert_from<FileHalf>(pool, args);
  }
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
