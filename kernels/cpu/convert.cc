// Elements of a weight file, which need not be aligned, into a tensor of f32 or bf16.
#include <string.h>

#include "kernel_table.h"
#include "split.h"
#include "simd.h"

namespace ct {
namespace CT_TARGET {

// The element types of a file: how many bytes an element has and how `lanes` of them become floats.
struct FileFloat {
  static constexpr uint32_t bytes = 4;
  static Vector widen(const unsigned char* p) {
    Vector x;
    memcpy(&x, p, sizeof x);
    return x;
  }
};

inline BitsVector load_halves(const unsigned char* p) {
  HalfBitsVector x;
  memcpy(&x, p, sizeof x);
  return widen(x);
}

struct FileBf16 {
  static constexpr uint32_t bytes = 2;
  static Vector widen(const unsigned char* p) { return (Vector)(load_halves(p) << 16); }
};

struct FileHalf {
  static constexpr uint32_t bytes = 2;
  static Vector widen(const unsigned char* p) {
    constexpr uint32_t rebias = (127 - 15) << 23;
    const BitsVector half = load_halves(p);
    const BitsVector sign = (half & 0x8000u) << 16, magnitude = half & 0x7fffu;
    const BitsVector normal = (magnitude << 13) + rebias;
    // Below 2^-14 the magnitude counts steps of 2^-24; infinity and NaN keep the highest exponent.
    const Vector small = __builtin_convertvector((IntVector)magnitude, Vector) * 0x1p-24f;
    const BitsVector finite = magnitude < 0x400u ? (BitsVector)small : normal;
    return (Vector)(sign | (magnitude >= 0x7c00u ? normal + rebias : finite));
  }
};

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
void convert_from(ThreadPool& pool, const ConvertArgs& args) {
  if (args.out.type == CT_BF16) {
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
