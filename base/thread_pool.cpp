#include "base/thread_pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/profile.h"

namespace fz {
namespace {

using Clock = std::chrono::steady_clock;

/// Steps of a decoder follow each other within microseconds. A thread that sleeps in between wakes up late, and often
/// on the core of the thread that woke it, where it then waits although another core is free.
constexpr std::chrono::microseconds kSpin(200);
constexpr int kPausesBetweenLooks = 32;

/// Looks for a while whether `is_true`, without giving up the core unless others want it.
template <typename Condition>
bool spin_until(const Condition& is_true) {
  const Clock::time_point end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < kPausesBetweenLooks; ++i) {
      if (is_true()) return true;
      __builtin_ia32_pause();
    }
    std::this_thread::yield();
  } while (Clock::now() < end);
  return is_true();
}

}  // namespace

struct ThreadPool::State {
  std::vector<std::thread> threads;
  // Of the current parallel_for; written before `generation` is raised.
  const std::function<void(std::size_t, int)>* body = nullptr;
  std::size_t count = 0;
  std::atomic<std::size_t> next{0};
  std::atomic<int> running{0};               // helper threads that have not finished this generation
  std::atomic<std::uint64_t> generation{0};  // counts the calls of parallel_for
  std::atomic<bool> stopping{false};

  std::mutex mutex;  // for sleeping, and of `error`
  std::condition_variable work_ready;
  std::condition_variable work_done;
  std::exception_ptr error;

  void run_indices(int thread) {
    for (std::size_t index; (index = next.fetch_add(1)) < count;) {
      try {
        (*body)(index, thread);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        next = count;
      }
    }
  }

  void wait_for_work(std::uint64_t seen) {
    const StageScope waiting(Stage::kWaiting);
    const auto has_work = [&] { return stopping || generation != seen; };
    if (spin_until(has_work)) return;
    std::unique_lock lock(mutex);
    work_ready.wait(lock, has_work);
  }

  void run_helper(int thread) {
    for (std::uint64_t seen = 0;;) {
      wait_for_work(seen);
      if (stopping) return;
      seen = generation;
      {
        const StageScope working(Stage::kOther);
        run_indices(thread);
      }
      if (--running == 0) {
        const std::lock_guard lock(mutex);  // or the caller might miss it between its look and its sleep
        work_done.notify_one();
      }
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  FZ_CHECK(threads >= 1);
  for (int thread = 1; thread < threads; ++thread) {
    state_->threads.emplace_back([this, thread] { state_->run_helper(thread); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work_ready.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

int ThreadPool::threads() const {
  return static_cast<int>(state_->threads.size()) + 1;
}

void ThreadPool::parallel_for(std::size_t count, const std::function<void(std::size_t, int)>& body) {
  State& state = *state_;
  state.body = &body;
  state.count = count;
  state.next = 0;
  state.error = nullptr;
  state.running = static_cast<int>(state.threads.size());
  {
    const std::lock_guard lock(state.mutex);  // or a helper might miss it between its look and its sleep
    ++state.generation;
  }
  state.work_ready.notify_all();
  state.run_indices(0);
  const StageScope waiting(Stage::kWaiting);
  const auto is_done = [&] { return state.running == 0; };
  if (!spin_until(is_done)) {
    std::unique_lock lock(state.mutex);
    state.work_done.wait(lock, is_done);
  }
  if (state.error) std::rethrow_exception(state.error);
}

}  // namespace fz
