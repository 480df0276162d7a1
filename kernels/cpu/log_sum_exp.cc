#include <math.h>

#include "kernel_table.h"
#include "split.h"
#include "simd.h"

namespace ct {
namespace CT_TARGET {

// The sum of exp(scale * x) over a piece of a row is total * e^greatest.
struct PieceSum {
  float greatest;
  double total;
};

inline Vector scaled_part(const float* x, float scale, uint64_t left) {
  const Vector part = left < lanes ? load_part(x, uint32_t(left)) : load(x);
  Vector scaled = part * scale;
  for (uint64_t i = left; i < lanes; ++i) scaled[i] = -__builtin_inff();
  return scaled;
}

inline PieceSum sum_piece(const float* x, float scale, uint64_t count) {
  Vector most = splat(-__builtin_inff());
  for (uint64_t c = 0; c < count; c += lanes) {
    most = maximum(scaled_part(x + c, scale, count - c), most);
  }
  const float top = greatest(most);
  // An infinite shift would turn what is infinite into NaN.
  const float shift = top >= -__FLT_MAX__ && top <= __FLT_MAX__ ? top : 0.0f;
  // Floats add up a short block, doubles the blocks, so a long row loses nothing.
  constexpr uint64_t block = 32 * lanes;
  double total = 0;
  for (uint64_t begin = 0; begin < count; begin += block) {
    const uint64_t end = count - begin < block ? count : begin + block;
    Vector sums = {};
    for (uint64_t c = begin; c < end; c += lanes) {
      sums += exponential(scaled_part(x + c, scale, count - c) - shift);
    }
    total += double(sum(sums));
  }
  return {shift, total};
}

// Adds the pieces up in their order, whoever has summed them.
inline float join_pieces(const PieceSum* pieces, uint64_t count) {
  double top = -__builtin_inf(), total = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (pieces[i].total != 0 && pieces[i].greatest > top) top = double(pieces[i].greatest);
  }
  for (uint64_t i = 0; i < count; ++i) {
    if (pieces[i].total != 0) total += pieces[i].total * exp(double(pieces[i].greatest) - top);
  }
  return total == 0 ? -__builtin_inff() : float(top + log(total));
}

bool log_sum_exp(ThreadPool& pool, const LogSumExpArgs& args) {
  constexpr uint64_t piece = 8192;
  const uint64_t columns = args.x.columns, pieces = divide_up(columns, piece);
  // One table for all threads, in the first one's scratch memory.
  if (!pool.reserve((pieces * args.x.rows + 1) * sizeof(PieceSum))) return false;
  PieceSum* table = static_cast<PieceSum*>(pool.scratch(0));
  pool.run(uint32_t(pieces * args.x.rows), [&](uint32_t task, uint32_t) {
    const uint64_t r = task / pieces, begin = task % pieces * piece;
    const uint64_t count = columns - begin < piece ? columns - begin : piece;
    table[task] = sum_piece(args.x.row(r) + begin, args.scales[r], count);
  });
  for (uint64_t r = 0; r < args.x.rows; ++r) args.out[r] = join_pieces(table + r * pieces, pieces);
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
