// One block of a kernel's threads, each on a stack of its own, run one after another in random
// order. They switch only at barriers and shuffles.
#pragma once
#include <stdint.h>

#include "../gpu/host/launch.h"

namespace ct {

constexpr uint32_t warp_lanes = 32;
constexpr uint32_t most_block_threads = 256;
constexpr uint32_t shared_capacity = 32 * 1024;  // what every GPU has

struct BlockIndex {
  uint32_t x, y, z;
};

// Which thread of a launch.
struct Place {
  uint32_t thread;
  BlockIndex block;
};

// A kernel.
struct Program {
  const char* name;
  void (*body)();  // of a type that only run_thread knows
  void (*run_thread)(void (*body)(), const Launch& launch, const Place& place);
  uint32_t sizes_bytes, buffers;
};

class Block {
 public:
  Block() = default;
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // Memory for stacks; false without it.
  bool reserve();

  // Runs the threads of one block in an order that `seed` decides. False where a thread did what it
  // must not; error() then tells what.
  bool run(const Program& program, const Launch& launch, BlockIndex index, uint64_t seed);

  const char* error() const { return error_; }

  // What a thread of a kernel calls, on the block that runs on this thread of the host.
  static Block& current();
  void wait_for_block(uint32_t line);
  uint32_t exchange(uint32_t value, uint32_t mask, uint32_t line);  // with lane ^ mask
  void* take_shared(uint32_t bytes);

  // Room for a T of each lane, by which the lanes of a warp show each other more than a shuffle
  // does; a shuffle has to stand between writing and reading.
  template <typename T>
  T* warp_memory() {
    static_assert(sizeof(T) * warp_lanes <= sizeof warp_memory_);
    return reinterpret_cast<T*>(warp_memory_);
  }

  [[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 2, 3)));

 private:
  enum class State : uint8_t { ready, at_barrier, at_shuffle, done, failed };
  struct Lane {
    void* stack;
    State state;
    uint32_t line;  // of the barrier or shuffle
    uint32_t value, source;  // of the shuffle, source within the warp
    uint32_t shared_used;
  };

  static void lane_main(void* block);
  void begin(uint32_t lane);
  void pass_on(void** stack);
  [[noreturn]] void leave(State state);
  void wait(State state, uint32_t line);
  bool run_lanes();
  bool run_warp(uint32_t warp);
  bool finish_shuffle(uint32_t warp);
  bool finish_barrier(bool* more);
  void shuffle_order(uint8_t* order, uint32_t count);
  uint64_t random();

  const Program* program_ = nullptr;
  const Launch* launch_ = nullptr;
  BlockIndex index_{};
  uint32_t threads_ = 0, current_ = 0;
  uint64_t random_ = 0;
  void* scheduler_ = nullptr;
  // Of the warp that runs: its first lane, the order of its lanes, and whose turn comes next.
  uint32_t first_lane_ = 0, turn_ = 0;
  uint8_t order_[warp_lanes];
  unsigned char* stacks_ = nullptr;
  uint32_t shared_filled_ = 0;
  Lane lanes_[most_block_threads];
  char error_[400] = "";
  alignas(16) unsigned char shared_[shared_capacity];
  alignas(16) unsigned char warp_memory_[warp_lanes * 96];
};

}  // namespace ct
