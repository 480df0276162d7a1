#include "kernel_table.h"
#include "split.h"
#include "simd.h"

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

bool embedding(ThreadPool& pool, const EmbeddingArgs& args) {
  if (args.table.type == CT_BF16) {
    copy_embeddings<bf16>(pool, args);
  } else {
    copy_embeddings<float>(pool, args);
  }
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
