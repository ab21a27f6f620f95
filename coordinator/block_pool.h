// The blocks of a job and what became of them: waiting, held by ranks, done, set aside. No ranks, no clock; owned by
// the scheduler. A few bytes a block, constant time a step: a job may have tens of millions.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "base/ids.h"
#include "comm/message.h"

namespace fz::coordinator {

struct WorkItem {
  BlockId block{};
  bool is_cheap = false;  ///< Needs no model.
  int deaths = 0;         ///< How many earlier runs died with it in work.
};
bool needs_model(std::span<const WorkItem> items);

class BlockPool {
 public:
  /// A block that so many ranks were lost with is set aside: it may be what kills them.
  static constexpr int kMostLosses = 3;

  /// Each block once. Deaths count as losses, but however many there were, the block has another chance.
  explicit BlockPool(std::vector<WorkItem> items);

  /// Neither done nor set aside.
  std::size_t open() const { return open_; }
  /// Of those, the ones that nobody holds.
  std::size_t waiting() const { return waiting_; }
  bool is_cheap(BlockId block) const { return state_of(block).is_cheap; }
  /// How many ranks work on it; 0 when it is done.
  int holders(BlockId block) const;
  const std::vector<BlockId>& set_aside() const { return set_aside_; }

  /// The next blocks, of one kind, in order; each now has a holder. A block that a rank was lost with comes alone; after
  /// two of them it comes last, when nothing else is in work: so shows which one it was. None when all must wait for
  /// that.
  std::vector<BlockId> take(const comm::Ready& ready, std::size_t most);
  /// A second rank works on a block that is held.
  void take_copy(BlockId block);
  bool is_known(BlockId block) const;
  /// False when it was done before. Of a known block.
  bool finish(BlockId block);
  /// One holder was lost, working on it.
  void lose(BlockId block);
  /// One holder failed at it. False when another had failed already: it is the block, not the rank.
  bool fail(BlockId block);

 private:
  enum class Stage : std::uint8_t { kUnknown, kOpen, kDone, kSetAside };
  struct State {
    Stage stage = Stage::kUnknown;
    bool is_cheap = false;
    bool has_failed = false;
    std::uint8_t losses = 0;
    std::uint16_t holders = 0;
  };

  const State& state_of(BlockId block) const;
  State& state_of(BlockId block) { return const_cast<State&>(std::as_const(*this).state_of(block)); }
  bool is_waiting(BlockId block) const;
  /// One holder fewer; true when it waits again.
  bool release(State& state);
  /// Takes the first that still waits; false when there is none.
  bool take_alone(std::deque<BlockId>& from, std::vector<BlockId>& blocks);

  std::vector<WorkItem> items_;  ///< Those without a loss at first.
  std::size_t next_ = 0;         ///< In items_: before it, everything was dealt at least once.
  std::deque<BlockId> again_;    ///< Given back once.
  std::deque<BlockId> at_last_;  ///< Given back more often.
  std::vector<State> states_;    ///< By id.
  std::size_t open_ = 0;
  std::size_t waiting_ = 0;
  std::vector<BlockId> set_aside_;
};

}  // namespace fz::coordinator
