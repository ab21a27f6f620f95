// A fixed set of threads that run index ranges. Owned by the command; passed down by reference. One caller at a time:
// parallel_for is not reentrant. Results never depend on the number of threads: an index always does the same work.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace fz {

class ThreadPool {
 public:
  /// `threads` ≥ 1 counts the calling thread.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  /// Calls body(index, thread) for every index in [0, count), thread in [0, threads()); returns when all are done.
  /// Rethrows the first exception; the remaining indices are then skipped.
  void parallel_for(std::size_t count, const std::function<void(std::size_t index, int thread)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fz
