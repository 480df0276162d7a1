// A parked pool of threads: the caller works too, workers spin briefly after a job and then sleep.
#pragma once
#include <pthread.h>
#include <stdint.h>

#include <atomic>

namespace ct {

class ThreadPool {
 public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Starts threads - 1 workers. On failure returns false, with the error set and nothing left
  // behind.
  bool start(uint32_t threads);

  // Ends the workers and frees the scratch memory. No job may be running.
  void stop();

  // Threads that take part, the caller included.
  uint32_t threads() const { return threads_; }

  // Runs body(task, thread) for task = 0 ... tasks - 1, each exactly once, and returns when all are
  // done. Each thread has a share of consecutive tasks, and then takes what is left of others': so
  // what follows a task in memory is most often for the same thread. `body` must not depend on who
  // runs what; `thread` (0 ... threads() - 1) is for scratch memory.
  template <typename Body>
  void run(uint32_t tasks, const Body& body) {
    run_tasks(tasks, [](const void* context, uint32_t task, uint32_t thread) {
      (*static_cast<const Body*>(context))(task, thread);
    }, &body);
  }

  // Scratch memory of one thread, at least `bytes` long and 64-byte aligned, kept from call to
  // call; null when it cannot be had. Reserve before run(): reserve(bytes) makes it for every
  // thread.
  bool reserve(uint64_t bytes);
  void* scratch(uint32_t thread) const;

  // The scratch memory of all threads as one piece of at least `bytes`, in place of a part for
  // each; null when it cannot be had.
  void* shared(uint64_t bytes);

 private:
  using Task = void (*)(const void* context, uint32_t task, uint32_t thread);
  struct alignas(64) Worker {
    ThreadPool* pool;
    uint32_t thread;
    pthread_t handle;
    // Generation of the job in the upper half, tasks of the share that are not handed out yet in
    // the lower. Whoever takes a task by counting down holds the job open until it is finished, so
    // job_ cannot change under it.
    std::atomic<uint64_t> ticket;
  };

  void run_tasks(uint32_t tasks, Task task, const void* context);
  uint32_t share_begin(uint32_t thread) const;
  uint32_t work(uint32_t generation, uint32_t thread);
  uint32_t take(uint32_t generation, uint32_t share, uint32_t thread);
  void finish(uint32_t count);
  void wait_finished();
  void serve(uint32_t thread);
  uint32_t wait_job(uint32_t generation, uint32_t thread);
  static void* worker_main(void* worker);

  std::atomic<uint32_t> unfinished_{0};
  std::atomic<uint32_t> sleepers_{0};
  std::atomic<bool> caller_sleeps_{false};
  std::atomic<bool> stopping_{false};
  struct {
    Task task;
    const void* context;
    uint32_t tasks;
  } job_{};
  pthread_mutex_t mutex_;
  pthread_cond_t work_ready_, job_done_;
  Worker* workers_ = nullptr;  // the first stands for the caller
  uint32_t threads_ = 1;
  unsigned char* scratch_ = nullptr;
  uint64_t scratch_bytes_ = 0;  // of one thread
};

}  // namespace ct
