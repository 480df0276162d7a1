#include "thread_pool.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <new>

#include "status.h"

namespace ct {
namespace {

constexpr int64_t spin_nanoseconds = 40000;
constexpr uint64_t scratch_alignment = 4096;  // whole pages, so that threads share no cache line

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * int64_t{1000000000} + time.tv_nsec;
}

// Spins until done() or until the time is up; says whether it was done.
template <typename Done>
bool spin(const Done& done) {
  const int64_t end = now() + spin_nanoseconds;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      pause();
    }
  } while (now() < end);
  return done();
}

constexpr uint32_t generation_of(uint64_t ticket) { return uint32_t(ticket >> 32); }
constexpr uint32_t remaining_of(uint64_t ticket) { return uint32_t(ticket); }

}  // namespace

bool ThreadPool::start(uint32_t threads) {
  threads_ = 1;
  stopping_ = false;
  pthread_mutex_init(&mutex_, nullptr);
  pthread_cond_init(&work_ready_, nullptr);
  pthread_cond_init(&job_done_, nullptr);
  void* memory = nullptr;
  if (posix_memalign(&memory, alignof(Worker), threads * sizeof(Worker))) {
    stop();
    return fail_memory("ct_device_open: out of memory for %u threads; ask for fewer", threads);
  }
  workers_ = static_cast<Worker*>(memory);
  for (uint32_t i = 0; i < threads; ++i) new (&workers_[i]) Worker{this, i, {}, {0}};
  // Signals belong to the host's threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  for (uint32_t i = 1; i < threads && !error; ++i) {
    error = pthread_create(&workers_[i].handle, nullptr, worker_main, &workers_[i]);
    if (!error) ++threads_;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!error) return true;
  const uint32_t started = threads_;
  stop();
  return fail("ct_device_open: the system started %u of %u threads (%s); ask for fewer", started,
              threads, strerror(error));
}

void ThreadPool::stop() {
  pthread_mutex_lock(&mutex_);
  stopping_ = true;
  pthread_cond_broadcast(&work_ready_);
  pthread_mutex_unlock(&mutex_);
  for (uint32_t i = 1; i < threads_; ++i) pthread_join(workers_[i].handle, nullptr);
  pthread_cond_destroy(&job_done_);
  pthread_cond_destroy(&work_ready_);
  pthread_mutex_destroy(&mutex_);
  free(workers_);
  free(scratch_);
  workers_ = nullptr;
  scratch_ = nullptr;
  scratch_bytes_ = 0;
  threads_ = 1;
}

bool ThreadPool::reserve(uint64_t bytes) {
  if (bytes <= scratch_bytes_) return true;
  uint64_t each, all;
  if (__builtin_add_overflow(bytes, scratch_alignment - 1, &each)) return false;
  each &= ~(scratch_alignment - 1);
  if (__builtin_mul_overflow(each, uint64_t{threads_}, &all)) return false;
  void* memory = nullptr;
  if (posix_memalign(&memory, scratch_alignment, all)) return false;
  free(scratch_);
  scratch_ = static_cast<unsigned char*>(memory);
  scratch_bytes_ = each;
  return true;
}

void* ThreadPool::scratch(uint32_t thread) const { return scratch_ + thread * scratch_bytes_; }

void* ThreadPool::shared(uint64_t bytes) {
  return reserve(bytes / threads_ + 1) ? scratch_ : nullptr;
}

void ThreadPool::run_tasks(uint32_t tasks, Task task, const void* context) {
  if (threads_ == 1 || tasks <= 1) {
    for (uint32_t i = 0; i < tasks; ++i) task(context, i, 0);
    return;
  }
  job_ = {task, context, tasks};
  unfinished_.store(tasks, std::memory_order_relaxed);
  const uint64_t generation = generation_of(workers_[0].ticket.load()) + 1;
  for (uint32_t i = 0; i < threads_; ++i) {
    const uint32_t count = share_begin(i + 1) - share_begin(i);
    // Sequentially consistent with sleepers_, as in wait_job().
    workers_[i].ticket.store(generation << 32 | count);
  }
  if (sleepers_.load()) {
    pthread_mutex_lock(&mutex_);
    pthread_cond_broadcast(&work_ready_);
    pthread_mutex_unlock(&mutex_);
  }
  finish(work(uint32_t(generation), 0));
  wait_finished();
}

uint32_t ThreadPool::share_begin(uint32_t thread) const {
  return uint32_t(uint64_t{job_.tasks} * thread / threads_);
}

// Runs tasks of the job until none is left, those of the own share first; returns how many.
uint32_t ThreadPool::work(uint32_t generation, uint32_t thread) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < threads_; ++i) {
    count += take(generation, (thread + i) % threads_, thread);
  }
  return count;
}

uint32_t ThreadPool::take(uint32_t generation, uint32_t share, uint32_t thread) {
  std::atomic<uint64_t>& shared = workers_[share].ticket;
  uint32_t count = 0;
  uint64_t ticket = shared.load(std::memory_order_acquire);
  while (generation_of(ticket) == generation && remaining_of(ticket)) {
    if (!shared.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acquire)) continue;
    job_.task(job_.context, share_begin(share + 1) - remaining_of(ticket), thread);
    ++count;
    ticket = shared.load(std::memory_order_acquire);
  }
  return count;
}

void ThreadPool::finish(uint32_t count) {
  if (!count || unfinished_.fetch_sub(count) != count) return;
  if (!caller_sleeps_.load()) return;
  pthread_mutex_lock(&mutex_);
  pthread_cond_signal(&job_done_);
  pthread_mutex_unlock(&mutex_);
}

void ThreadPool::wait_finished() {
  if (spin([this] { return !unfinished_.load(std::memory_order_acquire); })) return;
  pthread_mutex_lock(&mutex_);
  caller_sleeps_.store(true);
  while (unfinished_.load()) pthread_cond_wait(&job_done_, &mutex_);
  caller_sleeps_.store(false);
  pthread_mutex_unlock(&mutex_);
}

void* ThreadPool::worker_main(void* worker) {
  const Worker* self = static_cast<Worker*>(worker);
  self->pool->serve(self->thread);
  return nullptr;
}

void ThreadPool::serve(uint32_t thread) {
  uint32_t generation = 0;
  while (!stopping_.load()) {
    generation = wait_job(generation, thread);
    finish(work(generation, thread));
  }
}

// The generation of a job that is newer than `generation`, or any once the pool is stopping.
uint32_t ThreadPool::wait_job(uint32_t generation, uint32_t thread) {
  uint32_t newest = 0;
  const auto ready = [&] {
    newest = generation_of(workers_[thread].ticket.load());
    return newest != generation || stopping_.load();
  };
  if (spin(ready)) return newest;
  pthread_mutex_lock(&mutex_);
  sleepers_.fetch_add(1);
  while (!ready()) pthread_cond_wait(&work_ready_, &mutex_);
  sleepers_.fetch_sub(1);
  pthread_mutex_unlock(&mutex_);
  return newest;
}

}  // namespace ct
