#include "block.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "fibre.h"

namespace ct {
namespace {

// Not a power of two: the tops of all stacks would share a few sets of the cache.
constexpr uint64_t stack_bytes = 64 * 1024 + 5 * 64;
constexpr uint64_t stacks_bytes = stack_bytes * most_block_threads;

// The block whose threads run on this thread of the host.
thread_local Block* running = nullptr;

}  // namespace

Block::~Block() {
  if (stacks_) munmap(stacks_, stacks_bytes);
}

Block& Block::current() { return *running; }

bool Block::reserve() {
  if (stacks_) return true;
  void* const memory =
      mmap(nullptr, stacks_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (memory == MAP_FAILED) return false;
  stacks_ = static_cast<unsigned char*>(memory);
  return true;
}

uint64_t Block::random() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return random_;
}

void Block::shuffle_order(uint8_t* order, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) order[i] = uint8_t(i);
  for (uint32_t i = count; i > 1; --i) {
    const uint32_t other = uint32_t((random() >> 32) * i >> 32);
    const uint8_t kept = order[other];
    order[other] = order[i - 1];
    order[i - 1] = kept;
  }
}

void Block::begin(uint32_t lane) {
  void* const stack = begin_stack(stacks_ + (lane + 1) * stack_bytes, lane_main, this);
  lanes_[lane] = {stack, State::ready, 0, 0, 0, 0};
}

bool Block::run(const Program& program, const Launch& launch, BlockIndex index, uint64_t seed) {
  program_ = &program;
  launch_ = &launch;
  index_ = index;
  threads_ = launch.grid.threads;
  random_ = seed * 0x9e3779b97f4a7c15u | 1;
  shared_filled_ = 0;
  for (uint32_t lane = 0; lane < threads_; ++lane) begin(lane);
  Block* const before = running;
  running = this;
  const bool succeeded = run_lanes();
  running = before;
  return succeeded;
}

void Block::lane_main(void* block) {
  Block& self = *static_cast<Block*>(block);
  const Program& program = *self.program_;
  program.run_thread(program.body, *self.launch_, {self.current_, self.index_});
  self.leave(State::done);
}

// Goes on with the next lane of the warp, or after the last with the scheduler.
void Block::pass_on(void** stack) {
  if (turn_ == warp_lanes) {
    ct_switch_stack(stack, scheduler_);
    return;
  }
  current_ = first_lane_ + order_[turn_++];
  ct_switch_stack(stack, lanes_[current_].stack);
}

void Block::leave(State state) {
  Lane& lane = lanes_[current_];
  lane.state = state;
  if (state == State::failed) turn_ = warp_lanes;
  pass_on(&lane.stack);
  __builtin_unreachable();
}

void Block::wait(State state, uint32_t line) {
  Lane& lane = lanes_[current_];
  lane.state = state;
  lane.line = line;
  pass_on(&lane.stack);
}

void Block::wait_for_block(uint32_t line) { wait(State::at_barrier, line); }

uint32_t Block::exchange(uint32_t value, uint32_t mask, uint32_t line) {
  Lane& lane = lanes_[current_];
  lane.value = value;
  lane.source = (current_ ^ mask) % warp_lanes;
  wait(State::at_shuffle, line);
  return lane.value;
}

void* Block::take_shared(uint32_t bytes) {
  Lane& lane = lanes_[current_];
  const uint32_t begin = lane.shared_used, end = begin + (bytes + 15) / 16 * 16;
  if (end > shared_capacity) fail("needs %u bytes of shared memory of %u", end, shared_capacity);
  lane.shared_used = end;
  if (end > shared_filled_) {
    memset(shared_ + shared_filled_, 0xff, end - shared_filled_);  // NaN, and no index
    shared_filled_ = end;
  }
  return shared_ + begin;
}

void Block::fail(const char* format, ...) {
  const int begun = snprintf(error_, sizeof error_, "thread %u of block %u, %u, %u of %s ",
                             current_, index_.x, index_.y, index_.z, program_->name);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error_ + begun, sizeof error_ - uint32_t(begun), format, arguments);
  va_end(arguments);
  leave(State::failed);
}

bool Block::run_lanes() {
  const uint32_t warps = threads_ / warp_lanes;
  for (bool more = true; more;) {
    uint8_t order[most_block_threads / warp_lanes];
    shuffle_order(order, warps);
    for (uint32_t i = 0; i < warps; ++i) {
      if (!run_warp(order[i])) return false;
    }
    if (!finish_barrier(&more)) return false;
  }
  return true;
}

// Runs a warp, whose lanes are all ready, until each is done or waits at a barrier of the block.
bool Block::run_warp(uint32_t warp) {
  const Lane* const lanes = lanes_ + warp * warp_lanes;
  first_lane_ = warp * warp_lanes;
  shuffle_order(order_, warp_lanes);
  for (;;) {
    turn_ = 0;
    pass_on(&scheduler_);
    bool shuffles = false;
    for (uint32_t lane = 0; lane < warp_lanes; ++lane) {
      if (lanes[lane].state == State::failed) return false;
      shuffles |= lanes[lane].state == State::at_shuffle;
    }
    if (!shuffles) return true;
    if (!finish_shuffle(warp)) return false;
  }
}

bool Block::finish_shuffle(uint32_t warp) {
  Lane* const lanes = lanes_ + warp * warp_lanes;
  uint32_t values[warp_lanes], line = 0;
  for (uint32_t i = 0; i < warp_lanes; ++i) {
    if (lanes[i].state == State::at_shuffle) line = lanes[i].line;
  }
  for (uint32_t i = 0; i < warp_lanes; ++i) {
    if (lanes[i].state != State::at_shuffle || lanes[i].line != line) {
      snprintf(error_, sizeof error_,
               "the lanes of warp %u of block %u, %u, %u of %s diverge at the shuffle of line %u",
               warp, index_.x, index_.y, index_.z, program_->name, line);
      return false;
    }
    values[i] = lanes[lanes[i].source].value;
  }
  for (uint32_t i = 0; i < warp_lanes; ++i) {
    lanes[i].value = values[i];
    lanes[i].state = State::ready;
  }
  return true;
}

// All threads are done, which ends the block, or wait at one barrier, which opens it.
bool Block::finish_barrier(bool* more) {
  const State state = lanes_[0].state;
  const uint32_t line = lanes_[0].line;
  for (uint32_t i = 0; i < threads_; ++i) {
    Lane& lane = lanes_[i];
    if (lane.state != state || (state == State::at_barrier && lane.line != line)) {
      snprintf(error_, sizeof error_,
               "the threads of block %u, %u, %u of %s diverge at the barrier of line %u", index_.x,
               index_.y, index_.z, program_->name, state == State::at_barrier ? line : lane.line);
      return false;
    }
  }
  for (uint32_t i = 0; i < threads_ && state == State::at_barrier; ++i) {
    lanes_[i].state = State::ready;
  }
  *more = state == State::at_barrier;
  return true;
}

}  // namespace ct
