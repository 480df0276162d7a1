// The gated delta rule: shares the segments, heads and columns of the state out to the threads.
#include "gated_delta_chunk.h"
#include "gated_delta_recurrence.h"
#include "kernel_table.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Longer segments run in chunks.
constexpr uint32_t delta_longest_recurrence = 8;

bool runs_in_chunks(const GatedDeltaArgs& args, uint32_t rows) {
  return args.chunk && rows > delta_longest_recurrence;
}

uint32_t delta_rows(const GatedDeltaArgs& args, uint32_t segment) {
  return uint32_t(args.segments.starts[segment + 1] - args.segments.starts[segment]);
}

uint64_t delta_scratch_bytes(const GatedDeltaArgs& args) {
  const uint64_t recurrence = delta_recurrence_bytes(args.key_size);
  for (uint32_t s = 0; s < args.segments.count; ++s) {
    if (!runs_in_chunks(args, delta_rows(args, s))) continue;
    DeltaChunk chunk;
    const uint64_t chunks = place_delta_chunk(chunk, args, nullptr);
    return chunks > recurrence ? chunks : recurrence;
  }
  return recurrence;
}

// Columns of the state to a task. Each task makes the inputs of its head anew, so heads are split
// only where there are too few of them to keep the threads busy.
uint32_t delta_task_columns(const GatedDeltaArgs& args, uint32_t threads) {
  constexpr uint32_t least = 2 * delta_panel;
  const uint64_t heads = uint64_t{args.segments.count} * args.heads;
  if (threads == 1 || !heads) return args.value_size;
  const uint64_t parts = (2 * uint64_t{threads} + heads - 1) / heads;
  const uint64_t columns = (args.value_size + parts - 1) / parts;
  return uint32_t((columns + least - 1) / least * least);
}

}  // namespace

bool gated_delta(ThreadPool& pool, const GatedDeltaArgs& args) {
  if (!pool.reserve(delta_scratch_bytes(args))) return false;
  const uint32_t columns = delta_task_columns(args, pool.threads());
  const uint32_t parts = (args.value_size + columns - 1) / columns;
  pool.run(args.segments.count * args.heads * parts, [&](uint32_t index, uint32_t thread) {
    const uint32_t s = index / parts / args.heads, head = index / parts % args.heads;
    const uint32_t rows = delta_rows(args, s), first = index % parts * columns;
    if (!rows) return;
    const DeltaTask task{args, uint32_t(args.segments.starts[s]), rows, head, first,
                         smaller(columns, args.value_size - first),
                         __builtin_exp(double(args.a_log[head]))};
    float* const state = args.state.row(uint64_t(args.segments.slots[s])) +
                         uint64_t{head} * args.key_size * args.value_size + first;
    if (runs_in_chunks(args, rows)) {
      run_delta_chunks(task, state, pool.scratch(thread));
    } else {
      run_delta_recurrence(task, state, pool.scratch(thread));
    }
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
