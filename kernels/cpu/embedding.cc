#include "kernel_table.h"
#include "packed_codes.h"
#include "simd.h"
#include "split.h"

namespace ct {
namespace CT_TARGET {

template <typename T>
void copy_embeddings(ThreadPool& pool, const EmbeddingArgs& args) {
  const auto copy = [&args](uint64_t r, uint64_t begin, uint64_t end) {
    const T* from = args.table.row<const T>(uint32_t(args.tokens[r]));
    float* to = args.out.row(r);
    uint64_t c = begin;
    for (; c + lanes <= end; c += lanes) store(to + c, load(from + c));
    for (; c < end; ++c) to[c] = to_float(from[c]);
  };
  run_parts(pool, args.out.rows, args.out.columns, 16384, copy);
}

void unpack_embeddings(ThreadPool& pool, const EmbeddingArgs& args) {
  const Packed table(args.table);
  run_parts(pool, args.out.rows, args.out.columns, 4096, [&](uint64_t r, uint64_t begin,
                                                             uint64_t end) {
    unpack_row(args.out.row(r) + begin, table, uint32_t(args.tokens[r]), uint32_t(begin),
               uint32_t(end));
  });
}

bool embedding(ThreadPool& pool, const EmbeddingArgs& args) {
  if (is_packed(args.table.type)) {
    unpack_embeddings(pool, args);
  } else if (args.table.type == CT_BF16) {
    copy_embeddings<bf16>(pool, args);
  } else {
    copy_embeddings<float>(pool, args);
  }
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
