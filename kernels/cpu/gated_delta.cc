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

// Floats of one head's state in scratch memory: whole vectors, so that what follows is aligned.
uint64_t widened_delta_floats(const GatedDeltaArgs& args) {
  return padded(uint64_t{args.key_size} * args.value_size);
}

uint64_t delta_scratch_bytes(const GatedDeltaArgs& args) {
  const bool widens = args.state.type == CT_BF16;
  const uint64_t widened = widens ? widened_delta_floats(args) * sizeof(float) : 0;
  const uint64_t recurrence = delta_recurrence_bytes(args.key_size);
  for (uint32_t s = 0; s < args.segments.count; ++s) {
    if (!runs_in_chunks(args, delta_rows(args, s))) continue;
    DeltaChunk chunk;
    const uint64_t chunks = place_delta_chunk(chunk, args, nullptr);
    return widened + (chunks > recurrence ? chunks : recurrence);
  }
  return widened + recurrence;
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

// state: the head's first row at the task's first column.
void run_delta(const DeltaTask& task, float* state, void* scratch) {
  if (runs_in_chunks(task.args, task.rows)) {
    run_delta_chunks(task, state, scratch);
  } else {
    run_delta_recurrence(task, state, scratch);
  }
}

// The task's columns of a head's state; both have rows of value_size elements.
template <typename To, typename From>
void copy_delta_state(To* to, const From* from, const DeltaTask& task) {
  const uint32_t value_size = task.args.value_size;
  for (uint32_t k = 0; k < task.args.key_size; ++k, to += value_size, from += value_size) {
    for (uint32_t c = 0; c < task.columns; c += lanes) {
      store_up_to(to + c, load_up_to(from + c, task.columns - c), task.columns - c);
    }
  }
}

// S is f32 for the whole segment and rounded once, at its end.
void run_delta(const DeltaTask& task, bf16* state, void* scratch) {
  if (task.rows == 1) return run_delta_recurrence(task, state, scratch);
  float* const widened = static_cast<float*>(scratch);
  copy_delta_state(widened, state, task);
  run_delta(task, widened, widened + widened_delta_floats(task.args));
  copy_delta_state(state, widened, task);
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
    const uint64_t slot = uint64_t(args.segments.slots[s]);
    const uint64_t offset = uint64_t{head} * args.key_size * args.value_size + first;
    if (args.state.type == CT_BF16) {
      run_delta(task, args.state.row<bf16>(slot) + offset, pool.scratch(thread));
    } else {
      run_delta(task, args.state.row<float>(slot) + offset, pool.scratch(thread));
    }
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
