#include "base/profile.h"

#include <sys/resource.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <numeric>
#include <vector>

namespace fz {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kOutside = kStageCount;  // of all stages

/// Written by its own thread only; read by totals().
struct ThreadStages {
  std::array<std::atomic<std::int64_t>, kStageCount + 1> nanoseconds{};
  std::atomic<std::uint64_t> product_operations{0};
  std::size_t stage = kOutside;
  Clock::time_point since = Clock::now();

  void change_to(std::size_t next) {
    const Clock::time_point now = Clock::now();
    const std::int64_t elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(now - since).count();
    std::atomic<std::int64_t>& own = nanoseconds[stage];
    own.store(own.load(std::memory_order_relaxed) + elapsed, std::memory_order_relaxed);
    stage = next;
    since = now;
  }
};

std::mutex registry_mutex;
std::vector<std::shared_ptr<ThreadStages>> registry;  // guarded by registry_mutex; outlives its threads

ThreadStages& own_stages() {
  thread_local const std::shared_ptr<ThreadStages> own = [] {
    auto stages = std::make_shared<ThreadStages>();
    const std::lock_guard lock(registry_mutex);
    registry.push_back(stages);
    return stages;
  }();
  return *own;
}

}  // namespace

const char* stage_name(Stage stage) {
  constexpr std::array<const char*, kStageCount> kNames = {"other",
                                                           "waiting",
                                                           "files and hashes",
                                                           "tokenizer",
                                                           "products",
                                                           "attention products",
                                                           "attention weights",
                                                           "norm, quantize",
                                                           "frequencies",
                                                           "memory",
                                                           "range coder",
                                                           "zstd, bzip2, memory over bytes"};
  return kNames[static_cast<std::size_t>(stage)];
}

double ProfileTotals::sum() const {
  return std::accumulate(seconds.begin(), seconds.end(), 0.0);
}

void Profile::enable() {
  enabled_ = true;
}

ProfileTotals Profile::totals() {
  ProfileTotals totals;
  const std::lock_guard lock(registry_mutex);
  for (const auto& thread : registry) {
    for (std::size_t stage = 0; stage < kStageCount; ++stage) {
      totals.seconds[stage] += static_cast<double>(thread->nanoseconds[stage].load()) * 1e-9;
    }
    totals.product_operations += static_cast<double>(thread->product_operations.load());
  }
  totals.threads = static_cast<int>(registry.size());
  return totals;
}

void Profile::add_product_operations(std::uint64_t operations) {
  if (!is_enabled()) return;
  std::atomic<std::uint64_t>& own = own_stages().product_operations;
  own.store(own.load(std::memory_order_relaxed) + operations, std::memory_order_relaxed);
}

void StageScope::begin(Stage stage) {
  active_ = true;
  ThreadStages& own = own_stages();
  outer_ = own.stage;
  own.change_to(static_cast<std::size_t>(stage));
}

void StageScope::end() {
  own_stages().change_to(outer_);
}

std::uint64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace fz
