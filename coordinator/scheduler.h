// Who works on what: a state machine without clock, threads or MPI. Events go in, messages come out; the caller carries
// them. Blocks are dealt in order to whoever is ready, so a fast rank gets more of them: a few at a time, as many as
// the rank can work on at once, but never more than its fair share of what is left. Rank 0 only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/ids.h"
#include "comm/message.h"

namespace fz::coordinator {

struct Outgoing {
  Rank to{};
  comm::Message message;
  bool operator==(const Outgoing&) const = default;
};

struct WorkItem {
  BlockId block{};
  bool is_cheap = false;  ///< Needs no model.
};
bool needs_model(std::span<const WorkItem> items);

class Scheduler {
 public:

  /// `ranks` workers, numbered from 0.
  Scheduler(std::vector<WorkItem> items, int ranks);

  /// The worker wants work. Unless there is some, it hears again when a lost rank's blocks come back or when all is
  /// done.
  std::vector<Outgoing> on_ready(Rank rank, const comm::Ready& ready);
  /// True when the block is finished by this; false when it was before (a rank that was given up had done it after
  /// all).
  bool on_block_done(Rank rank, BlockId block);
  /// After on_block_done, perhaps several: messages to those who wait.
  std::vector<Outgoing> after_done();
  void on_finished(Rank rank);
  /// The rank will not come back: its blocks are dealt again. Throws Error(kLaunch) when no rank is left.
  std::vector<Outgoing> on_rank_lost(Rank rank);

  bool all_blocks_done() const { return open_ == 0; }
  /// Every rank that lives has answered Stop.
  bool finished() const;

 private:
  struct RankState {
    bool lost = false;
    bool stopped = false;
    bool finished = false;
    std::optional<comm::Ready> ready;  ///< Set: idle, waiting for an assignment.
    std::set<BlockId> assigned;
  };

  RankState& state_of(Rank rank);
  void deal(std::vector<Outgoing>& outgoing);
  /// The next blocks of one kind.
  std::vector<BlockId> take(const comm::Ready& ready, std::size_t most);

  std::deque<WorkItem> queue_;
  std::map<BlockId, bool> is_cheap_;  ///< Of every block that is not done.
  std::size_t open_ = 0;
  std::vector<RankState> ranks_;
};

}  // namespace fz::coordinator
