// What a machine can do, to hold measurements against: bytes a second that all threads together
// read from memory, and operations a second of their multiply-adds in f32.
//
//   c++ -std=c++17 -O3 -march=native -pthread bench/machine.cc -o build/machine
//   build/machine 2    # threads
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

namespace {

typedef float Lanes __attribute__((vector_size(64)));

constexpr size_t memory_bytes = size_t(1) << 30;  // much more than any cache
constexpr int repetitions = 15;
constexpr int chains = 12;  // multiply-adds in flight: more than latency times units
constexpr long steps = 4000000;

volatile float sink;

void read_memory(const char* memory, size_t bytes) {
  Lanes sums[8] = {};
  for (size_t at = 0; at + sizeof sums <= bytes; at += sizeof sums) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      sums[i] += *reinterpret_cast<const Lanes*>(memory + at + i * sizeof(Lanes));
    }
  }
  for (const Lanes& sum : sums) sink = sum[0];
}

void multiply_add() {
  Lanes values[chains];
  const Lanes factor = Lanes{} + 0.9999f, term = Lanes{} + 1e-3f;
  for (int i = 0; i < chains; ++i) values[i] = Lanes{} + float(i);
  for (long step = 0; step < steps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) values[i] = values[i] * factor + term;
  }
  for (const Lanes& value : values) sink = value[0];
}

// Seconds of each repetition of `work(thread)` on all threads at once, shortest first.
template <typename Work>
std::vector<double> time_threads(int threads, const Work& work) {
  std::vector<double> seconds;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> running;
    for (int thread = 0; thread < threads; ++thread) running.emplace_back(work, thread);
    for (std::thread& thread : running) thread.join();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    seconds.push_back(passed.count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds;
}

void print(const char* name, const char* unit, double work, const std::vector<double>& seconds) {
  printf("%-14s median %7.1f, best %7.1f %s\n", name, work / seconds[repetitions / 2] / 1e9,
         work / seconds[0] / 1e9, unit);
}

}  // namespace

int main(int count, char** arguments) {
  const int threads = count > 1 ? std::max(1, atoi(arguments[1])) : 1;
  char* memory = static_cast<char*>(aligned_alloc(sizeof(Lanes), memory_bytes));
  if (!memory) return 1;
  memset(memory, 1, memory_bytes);  // pages that were never written share one of zeros
  const size_t share = memory_bytes / threads / sizeof(Lanes) * sizeof(Lanes);
  const auto reads = [&](int thread) { read_memory(memory + thread * share, share); };
  print("memory reads", "GB/s", double(memory_bytes), time_threads(threads, reads));
  const double operations = 2.0 * steps * chains * (sizeof(Lanes) / sizeof(float)) * threads;
  print("multiply-adds", "GFLOP/s", operations, time_threads(threads, [](int) { multiply_add(); }));
  free(memory);
}
