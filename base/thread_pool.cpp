#include "base/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/profile.h"

namespace fz {

struct ThreadPool::State {
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::condition_variable work_ready;
  std::condition_variable work_done;
  const std::function<void(std::size_t, int)>* body = nullptr;  // of the current parallel_for
  std::size_t count = 0;
  std::uint64_t generation = 0;  // counts the calls of parallel_for
  int running = 0;               // helper threads that have not finished this generation
  bool stopping = false;
  std::atomic<std::size_t> next{0};
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

  void run_helper(int thread) {
    std::uint64_t seen = 0;
    for (;;) {
      {
        const StageScope waiting(Stage::kWaiting);
        std::unique_lock lock(mutex);
        work_ready.wait(lock, [&] { return stopping || generation != seen; });
        if (stopping) return;
        seen = generation;
      }
      {
        const StageScope working(Stage::kOther);
        run_indices(thread);
      }
      const std::lock_guard lock(mutex);
      if (--running == 0) work_done.notify_one();
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
  {
    const std::lock_guard lock(state.mutex);
    state.body = &body;
    state.count = count;
    state.next = 0;
    state.error = nullptr;
    state.running = static_cast<int>(state.threads.size());
    ++state.generation;
  }
  state.work_ready.notify_all();
  state.run_indices(0);
  const StageScope waiting(Stage::kWaiting);
  std::unique_lock lock(state.mutex);
  state.work_done.wait(lock, [&] { return state.running == 0; });
  if (state.error) std::rethrow_exception(state.error);
}

}  // namespace fz
