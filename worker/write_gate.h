// Lets one thread stop the writes of others: between writes, never within one.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace fz::worker {

class WriteGate {
 public:
  /// Calls `write` unless the gate is closed; several threads may be in it at once.
  template <class Write>
  void pass(const Write& write) {
    const std::shared_lock lock(mutex_);
    if (!closed_) write();
  }
  /// On return no thread writes, and none will.
  void close() {
    const std::unique_lock lock(mutex_);
    closed_ = true;
  }

 private:
  std::shared_mutex mutex_;
  bool closed_ = false;
};

}  // namespace fz::worker
