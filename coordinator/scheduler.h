// Who works on what: a state machine without clock, threads or MPI. Events go in with their time, messages come out;
// the caller carries them. Blocks are dealt in order to whoever is ready, so a fast rank gets more of them: a few at a
// time, as many as the rank can work on at once, but never more than its fair share of what is left. At the end, who is
// idle gets copies of what others are late with; the first answer wins. Rank 0 only.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/block_pool.h"

namespace fz::coordinator {

struct Outgoing {
  Rank to{};
  comm::Message message;
  bool operator==(const Outgoing&) const = default;
};

class Scheduler {
 public:
  struct Rules {
    /// A rank not heard of for so long is lost; rank 0's own worker cannot be, it lives and dies with the coordinator.
    double silence_seconds = 60;
    /// A block is late when it takes so many times what blocks of its kind take on average.
    double late_factor = 2;
    /// How long the others may still be at nothing (opening files, loading a model) when all is done.
    double grace_seconds = 5;
  };

  /// `ranks` workers, numbered from 0. All times are seconds of one clock.
  Scheduler(std::vector<WorkItem> items, int ranks, Rules rules, double now_seconds = 0);
  Scheduler(std::vector<WorkItem> items, int ranks) : Scheduler(std::move(items), ranks, Rules()) {}

  /// Anything came from the rank. One that was lost is back.
  void on_heard(Rank rank, double now_seconds);
  /// The worker wants work. Unless there is some, it hears again when there is, or when all is done.
  std::vector<Outgoing> on_ready(Rank rank, const comm::Ready& ready, double now_seconds);
  /// True when the block is finished by this; false when it was before. Throws Error(kLaunch) when it is none of the
  /// job's.
  bool on_block_done(Rank rank, BlockId block, double now_seconds);
  /// After on_block_done, perhaps several: messages to those who wait.
  std::vector<Outgoing> after_done(double now_seconds);
  /// The worker ended with an error: it gets nothing more, its blocks go to others. Throws the Error when that cannot
  /// help: no other rank is there, another has failed at the same block, or it is the launch that is wrong.
  std::vector<Outgoing> on_failed(Rank rank, const comm::Failed& failed, double now_seconds);
  void on_finished(Rank rank);
  /// Its blocks are dealt again. Throws Error(kLaunch) when no rank is left.
  std::vector<Outgoing> on_rank_lost(Rank rank, double now_seconds);
  /// Called now and then: finds the ranks that are silent and the blocks that are late.
  std::vector<Outgoing> on_time(double now_seconds);

  bool all_blocks_done() const { return pool_.open() == 0; }
  /// Every rank that lives has answered Stop.
  bool finished() const { return all_blocks_done() && unfinished_ == 0; }
  bool any_lost() const { return ever_lost_; }
  /// Ranks that can work.
  int able_ranks() const { return able_; }
  bool is_lost(Rank rank) const { return ranks_[number(rank)].lost; }
  const std::vector<BlockId>& set_aside() const { return pool_.set_aside(); }
  /// What an operator should know, since the last call: ranks lost, failed, back.
  std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }

 private:
  struct RankState {
    bool lost = false;
    bool failed = false;
    bool stopped = false;
    bool finished = false;
    bool is_astray = false;  ///< Was lost, is back, and works on what others were given.
    double heard_seconds = 0;
    std::optional<comm::Ready> ready;  ///< Set: idle, waiting for an assignment.
    double assigned_seconds = 0;
    std::vector<BlockId> assigned;
    bool is_able() const { return !lost && !failed; }
  };
  /// How long blocks of a kind took from their assignment.
  struct Pace {
    double sum_seconds = 0;
    std::uint64_t blocks = 0;
  };

  RankState& state_of(Rank rank);
  void deal(std::vector<Outgoing>& outgoing, double now_seconds);
  void deal_copies(std::vector<Outgoing>& outgoing, double now_seconds);
  void assign(std::uint32_t rank, std::vector<BlockId> blocks, std::vector<Outgoing>& outgoing, double now_seconds);
  /// All is done. Those who still work on something do it for nothing: they need not be waited for.
  void stop_all(std::vector<Outgoing>& outgoing, double now_seconds);
  bool is_late(const RankState& state, BlockId block, double now_seconds) const;
  /// Its blocks, which it will not finish.
  std::vector<BlockId> take_from(std::uint32_t rank);

  BlockPool pool_;
  Rules rules_;
  std::vector<RankState> ranks_;
  std::set<std::uint32_t> idle_;  ///< Able, ready, not stopped.
  int able_ = 0;
  std::size_t unfinished_ = 0;  ///< Ranks that are neither lost nor finished.
  bool ever_lost_ = false;
  std::optional<double> done_seconds_;  ///< When the last block was.
  Pace pace_[2];                        ///< By is_cheap.
  std::vector<std::string> notices_;
};

}  // namespace fz::coordinator
