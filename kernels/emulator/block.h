// One block of a kernel's threads, each on a stack of its own, run one after another in random
// order. They switch only at barriers and shuffles.
#pragma once
#include <stdint.h>

namespace ct {

constexpr uint32_t warp_lanes = 32;
constexpr uint32_t most_block_threads = 256;
constexpr uint32_t shared_capacity = 32 * 1024;  // what every GPU has

struct BlockIndex {
  uint32_t x, y, z;
};

class Block;

// A kernel whose arguments are bound: runs one thread.
struct Program {
  const char* name;
  bool cooperates;  // uses barriers, shuffles or shared memory
  void (*run)(const void* arguments, uint32_t thread, BlockIndex block);
  const void* arguments;
};

class Block {
 public:
  Block();
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // Memory for stacks; false without it.
  bool reserve();

  // Runs `threads` threads in an order that `seed` decides. False where a thread did what it must
  // not; error() then tells what.
  bool run(const Program& program, BlockIndex index, uint32_t threads, uint64_t seed);

  const char* error() const { return error_; }

  // What a thread of a kernel calls, on the block that runs on this thread of the host.
  static Block& current();
  void wait_for_block(uint32_t line);
  uint32_t exchange(uint32_t value, uint32_t source, uint32_t line);
  void* take_shared(uint32_t bytes);
  [[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 2, 3)));

 private:
  enum class State : uint8_t { ready, at_barrier, at_shuffle, done, failed };
  struct Lane {
    void* stack;
    State state;
    uint32_t line;  // of the barrier or shuffle
    uint32_t value, source;  // of the shuffle
    uint32_t shared_used;
  };

  static void lane_main(void* block);
  static void loop_main(void* block);
  void begin(uint32_t lane, void (*body)(void*));
  void switch_to(uint32_t lane);
  [[noreturn]] void leave(State state);
  void wait(State state, uint32_t line);
  bool run_lanes();
  bool run_warp(uint32_t warp);
  bool finish_shuffle(uint32_t warp);
  bool finish_barrier(bool* more);
  void shuffle_order(uint8_t* order, uint32_t count);
  uint64_t random();

  Program program_{};
  BlockIndex index_{};
  uint32_t threads_ = 0, current_ = 0;
  uint64_t random_ = 0;
  void* scheduler_ = nullptr;
  unsigned char* stacks_ = nullptr;
  uint32_t shared_filled_ = 0;
  Lane lanes_[most_block_threads];
  char error_[400];
  alignas(16) unsigned char shared_[shared_capacity];
};

}  // namespace ct
