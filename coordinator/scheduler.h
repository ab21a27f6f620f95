// Who works on what: a state machine without clock, threads or MPI. Events go in, messages come out; the caller carries
// them. Blocks are dealt in order, one at a time, to whoever is ready, so a fast rank gets more of them; cheap blocks
// in batches. Rank 0 only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include "base/ids.h"
#include "comm/message.h"

namespace fz::coordinator {

struct Outgoing {
  Rank to{};
  comm::Message message;
  bool operator==(const Outgoing&) const = default;
};

class Scheduler {
 public:
  struct Item {
    BlockId block{};
    bool batchable = false;  ///< Coded by one thread: a worker takes as many as it has threads.
  };

  /// `ranks` workers, numbered from 0.
  Scheduler(std::vector<Item> items, int ranks);

  /// The worker wants work. Unless there is some, it hears again when a lost rank's blocks come back or when all is
  /// done.
  std::vector<Outgoing> on_ready(Rank rank, std::uint32_t capacity);
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
    std::uint32_t capacity = 0;  ///< Not 0: idle, waiting for an assignment.
    std::set<BlockId> assigned;
  };

  RankState& state_of(Rank rank);
  void deal(std::vector<Outgoing>& outgoing);

  std::deque<Item> queue_;
  std::map<BlockId, bool> batchable_;  ///< Of every block that is not done.
  std::size_t open_ = 0;
  std::vector<RankState> ranks_;
};

}  // namespace fz::coordinator
