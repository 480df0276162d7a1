// Convolution along a segment with taps of each token's own, then SiLU.
#include <string.h>

#include "kernel_table.h"
#include "parts.h"

namespace ct {
namespace CT_TARGET {
namespace {

constexpr uint32_t convolution_task_channels = 256;

// Some channels of one segment. Input i counts from the segment's first row; the state holds inputs
// -(width - 1) ... -1.
struct ConvolutionTask {
  const DynamicConvolutionArgs& args;
  uint64_t first_row, channels;  // channels of the whole row
  int32_t rows;
  uint32_t first, count;  // this task's channels
  float* state;

  int32_t past() const { return int32_t(args.width) - 1; }
  float* state_row(int32_t r) const { return state + uint64_t(r) * channels + first; }
  const float* input(int32_t i) const {
    return i < 0 ? state_row(i + past()) : args.x.row(first_row + uint64_t(i)) + first;
  }
};

void convolve_row(const ConvolutionTask& task, int32_t i) {
  const uint64_t row = task.first_row + uint64_t(i);
  const float* const taps = task.args.taps.row(row) + task.first;
  float* const out = task.args.out.row(row) + task.first;
  for (uint32_t c = 0; c < task.count; c += lanes) {
    const uint32_t n = task.count - c;
    Vector total{};
    for (int32_t t = 0; t <= task.past(); ++t) {
      const Vector tap = load_up_to(taps + uint64_t(t) * task.channels + c, n);
      total = multiply_add(tap, load_up_to(task.input(i - task.past() + t) + c, n), total);
    }
    store_up_to(out + c, silu(total), n);
  }
}

// Rising order: an old row that still counts is read before it is overwritten.
void update_convolution_state(const ConvolutionTask& task) {
  for (int32_t r = 0; r < task.past(); ++r) {
    const float* const newest = task.input(task.rows - task.past() + r);
    memcpy(task.state_row(r), newest, task.count * sizeof(float));
  }
}

}  // namespace

bool dynamic_convolution(ThreadPool& pool, const DynamicConvolutionArgs& args) {
  const uint32_t channels = args.x.columns, size = convolution_task_channels;
  const uint32_t blocks = channels / size + (channels % size != 0);
  pool.run(args.segments.count * blocks, [&](uint32_t index, uint32_t) {
    const uint32_t s = index / blocks, first = index % blocks * size;
    const int32_t start = args.segments.starts[s];
    const int32_t rows = args.segments.starts[s + 1] - start;
    if (!rows) return;
    const bool has_state = args.width > 1;
    float* const state = has_state ? args.state.row(uint64_t(args.segments.slots[s])) : nullptr;
    const ConvolutionTask task{args, uint64_t(start), channels, rows, first,
                               smaller(size, channels - first), state};
    for (int32_t i = 0; i < task.rows; ++i) convolve_row(task, i);
    update_convolution_state(task);
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
