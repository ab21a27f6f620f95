// Ranks that are threads of this process and do things together through shared memory: sums in the order of ranks, so
// that a test can say what they are. A rank that leaves is noticed at once by those that wait for it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.h"
#include "comm/collective.h"

namespace fz::test {

/// Owned by the test; outlives the members. Any thread.
class InProcessGroup {
 public:
  /// `patience` ends a test that would hang; no test waits for it to pass.
  explicit InProcessGroup(int ranks, std::chrono::seconds patience = std::chrono::seconds(60))
      : ranks_(ranks), patience_(patience), given_(static_cast<std::size_t>(ranks)) {}

  /// One for each rank, used by its thread; destroyed when the rank is done or dies.
  std::unique_ptr<comm::Collective> member(int rank) { return std::make_unique<Member>(*this, rank); }

 private:
  struct Given {
    bool is_sum = false;
    std::vector<float> values;
    Bytes bytes;
  };

  class Member final : public comm::Collective {
   public:
    Member(InProcessGroup& group, int rank) : group_(group), rank_(rank) {}
    ~Member() override { group_.leave(); }

    int rank() const override { return rank_; }
    int ranks() const override { return group_.ranks_; }
    double timeout_seconds() const override { return static_cast<double>(group_.patience_.count()); }
    void sum(std::span<float> values) override {
      const Given result = group_.meet(rank_, {true, {values.begin(), values.end()}, {}});
      std::copy(result.values.begin(), result.values.end(), values.begin());
    }
    void broadcast(Bytes& bytes) override { bytes = group_.meet(rank_, {false, {}, bytes}).bytes; }

   private:
    InProcessGroup& group_;
    int rank_;
  };

  /// What all have given, put together, once all have come.
  Given meet(int rank, Given given) {
    std::unique_lock lock(mutex_);
    const std::uint64_t meeting = meetings_;
    if (has_left_) fail(ErrorCode::kLaunch, "rank {}: a rank has left", rank);
    given_[static_cast<std::size_t>(rank)] = std::move(given);
    if (++arrived_ == ranks_) {
      put_together();
      arrived_ = 0;
      ++meetings_;
      all_are_here_.notify_all();
    }
    const bool is_over = all_are_here_.wait_for(lock, patience_, [&] { return meetings_ != meeting || has_left_; });
    if (!is_over) fail(ErrorCode::kLaunch, "rank {}: not all ranks came", rank);
    if (meetings_ == meeting) fail(ErrorCode::kLaunch, "rank {}: a rank has left", rank);
    // Nobody can begin the next meeting's result before this rank comes to it.
    if (!is_in_step_) fail(ErrorCode::kLaunch, "rank {}: the ranks do not do the same", rank);
    return result_;
  }

  void put_together() {
    result_ = given_.front();
    is_in_step_ = true;
    for (std::size_t rank = 1; rank < given_.size(); ++rank) {
      const Given& other = given_[rank];
      is_in_step_ = is_in_step_ && other.is_sum == result_.is_sum && other.values.size() == result_.values.size();
      if (!is_in_step_) return;
      for (std::size_t i = 0; i < other.values.size(); ++i) result_.values[i] += other.values[i];
    }
  }

  void leave() {
    const std::lock_guard lock(mutex_);
    has_left_ = true;
    all_are_here_.notify_all();
  }

  const int ranks_;
  const std::chrono::seconds patience_;
  std::mutex mutex_;
  std::condition_variable all_are_here_;
  std::vector<Given> given_;
  Given result_;
  bool is_in_step_ = true;
  bool has_left_ = false;
  int arrived_ = 0;
  std::uint64_t meetings_ = 0;
};

/// Does this work on so many ranks at once; what each of them threw.
inline std::vector<std::optional<Error>> on_ranks(int ranks, const std::function<void(comm::Collective&)>& work,
                                                  std::chrono::seconds patience = std::chrono::seconds(60)) {
  InProcessGroup group(ranks, patience);
  std::vector<std::optional<Error>> errors(static_cast<std::size_t>(ranks));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      const std::unique_ptr<comm::Collective> collective = group.member(rank);
      try {
        work(*collective);
      } catch (const Error& error) {
        errors[static_cast<std::size_t>(rank)] = error;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

/// The place of this rank in what a test keeps for each.
inline std::size_t index_of(const comm::Collective& collective) {
  return static_cast<std::size_t>(collective.rank());
}

}  // namespace fz::test
