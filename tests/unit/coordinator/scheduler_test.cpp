// The scheduler alone: events in, messages out, every message compared.
#include "coordinator/scheduler.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace fz::coordinator {
namespace {

constexpr Rank r0{0};
constexpr Rank r1{1};
constexpr Rank r2{2};
constexpr BlockId b0{0};
constexpr BlockId b1{1};
constexpr BlockId b2{2};
constexpr BlockId b3{3};

constexpr comm::Ready one{1, 2};  // one model block, two cheap ones
constexpr comm::Ready many{3, 9};

using List = std::vector<Outgoing>;

List assign(Rank rank, std::vector<BlockId> blocks) {
  return {{rank, comm::Assign{std::move(blocks)}}};
}

List stop(std::vector<Rank> ranks) {
  List list;
  for (const Rank rank : ranks) list.push_back({rank, comm::Stop{}});
  return list;
}

/// `count` blocks that need the model.
std::vector<WorkItem> blocks(std::uint32_t count) {
  std::vector<WorkItem> items;
  for (std::uint32_t i = 0; i < count; ++i) items.push_back({BlockId{i}, false});
  return items;
}

comm::Failed failed(ErrorCode code, const std::string& message) {
  return {static_cast<std::uint32_t>(code), message};
}

TEST(Scheduler, AnUnknownBlockIsAnError) {
  Scheduler scheduler({{b0, false}, {b2, false}}, 2);
  scheduler.on_ready(r1, one, 0);
  for (const BlockId block : {b1, b3, BlockId{0xffffffff}}) {
    test::expect_error(ErrorCode::kLaunch, "rank 1 reports an unknown block",
                       [&] { scheduler.on_block_done(r1, block, 1); });
  }
  EXPECT_TRUE(scheduler.on_block_done(r1, b0, 1));
}

TEST(Scheduler, DealsInOrderAndStopsAll) {
  Scheduler scheduler(blocks(3), 2);
  EXPECT_EQ(scheduler.on_ready(r1, one, 0), assign(r1, {b0}));
  EXPECT_EQ(scheduler.on_ready(r0, one, 0), assign(r0, {b1}));
  EXPECT_TRUE(scheduler.on_block_done(r0, b1, 1));
  EXPECT_EQ(scheduler.after_done(1), List{});
  EXPECT_EQ(scheduler.on_ready(r0, one, 1), assign(r0, {b2}));
  EXPECT_TRUE(scheduler.on_block_done(r1, b0, 1));
  EXPECT_EQ(scheduler.after_done(1), List{});
  EXPECT_EQ(scheduler.on_ready(r1, one, 1), List{});  // nothing to do, but r0 may be lost yet
  EXPECT_TRUE(scheduler.on_block_done(r0, b2, 2));
  EXPECT_EQ(scheduler.after_done(2), stop({r1}));
  EXPECT_EQ(scheduler.on_ready(r0, one, 2), stop({r0}));
  EXPECT_FALSE(scheduler.finished());
  scheduler.on_finished(r0);
  scheduler.on_finished(r1);
  EXPECT_TRUE(scheduler.finished());
  EXPECT_FALSE(scheduler.any_lost());
}

TEST(Scheduler, CheapBlocksGoInBatches) {
  Scheduler scheduler({{b0, false}, {b1, true}, {b2, true}, {b3, true}}, 1);
  EXPECT_EQ(scheduler.on_ready(r0, one, 0), assign(r0, {b0}));  // a slow block goes alone
  scheduler.on_block_done(r0, b0, 0);
  EXPECT_EQ(scheduler.on_ready(r0, one, 0), assign(r0, {b1, b2}));
  scheduler.on_block_done(r0, b1, 0);
  scheduler.on_block_done(r0, b2, 0);
  EXPECT_EQ(scheduler.on_ready(r0, one, 0), assign(r0, {b3}));
}

TEST(Scheduler, SeveralBlocksAtATimeButOnlyAFairShare) {
  Scheduler scheduler({{b0, false}, {b1, false}, {b2, false}, {b3, true}}, 2);
  EXPECT_EQ(scheduler.on_ready(r0, many, 0), assign(r0, {b0, b1}));  // half of what there is
  EXPECT_EQ(scheduler.on_ready(r1, many, 0), assign(r1, {b2}));      // half, but of one kind
  scheduler.on_block_done(r1, b2, 0);
  EXPECT_EQ(scheduler.on_ready(r1, many, 0), assign(r1, {b3}));
}

TEST(Scheduler, NothingToDo) {
  Scheduler scheduler({}, 2);
  EXPECT_EQ(scheduler.on_ready(r0, one, 0), stop({r0}));
  EXPECT_EQ(scheduler.on_ready(r1, one, 0), stop({r1}));
}

TEST(Scheduler, LostRanksBlocksGoToWhoWaits) {
  Scheduler scheduler(blocks(2), 3);
  scheduler.on_ready(r0, one, 0);
  scheduler.on_ready(r1, one, 0);
  EXPECT_EQ(scheduler.on_ready(r2, one, 0), List{});
  EXPECT_EQ(scheduler.on_rank_lost(r1, 5), assign(r2, {b1}));
  EXPECT_EQ(scheduler.on_rank_lost(r1, 5), List{});  // said twice
  EXPECT_EQ(scheduler.able_ranks(), 2);
  // The lost rank had done it after all: the copy is not needed any more, nor waited for.
  EXPECT_TRUE(scheduler.on_block_done(r1, b1, 6));
  EXPECT_TRUE(scheduler.on_block_done(r0, b0, 6));
  EXPECT_EQ(scheduler.after_done(6), stop({r2}));
  EXPECT_EQ(scheduler.on_ready(r0, one, 6), stop({r0}));
  EXPECT_FALSE(scheduler.on_block_done(r2, b1, 7));
  scheduler.on_finished(r0);
  scheduler.on_finished(r2);
  EXPECT_TRUE(scheduler.finished());
  EXPECT_TRUE(scheduler.any_lost());
}

TEST(Scheduler, SilenceIsLossButNotOfTheCoordinatorsOwnWorker) {
  Scheduler scheduler(blocks(2), 2, {.silence_seconds = 10});
  scheduler.on_ready(r0, one, 0);
  scheduler.on_ready(r1, one, 0);
  scheduler.on_heard(r1, 5);
  EXPECT_EQ(scheduler.on_time(14), List{});
  EXPECT_FALSE(scheduler.is_lost(r1));
  EXPECT_EQ(scheduler.on_time(15), List{});
  EXPECT_TRUE(scheduler.is_lost(r1));
  EXPECT_FALSE(scheduler.is_lost(r0));
  EXPECT_EQ(scheduler.take_notices(),
            std::vector<std::string>{"rank 1 is lost, nothing was heard of it for 10 s; its 1 block is dealt again"});
  EXPECT_TRUE(scheduler.on_block_done(r0, b0, 20));
  EXPECT_EQ(scheduler.on_ready(r0, one, 20), assign(r0, {b1}));
}

TEST(Scheduler, ALostRankMayComeBack) {
  Scheduler scheduler(blocks(3), 2, {.silence_seconds = 10});
  scheduler.on_ready(r0, one, 0);
  scheduler.on_ready(r1, one, 0);
  scheduler.on_time(10);
  scheduler.take_notices();
  scheduler.on_heard(r1, 11);
  EXPECT_EQ(scheduler.take_notices(), std::vector<std::string>{"rank 1 is back"});
  EXPECT_EQ(scheduler.able_ranks(), 2);
  EXPECT_TRUE(scheduler.on_block_done(r1, b1, 11));  // it counts, and is not dealt again
  EXPECT_EQ(scheduler.on_ready(r1, one, 11), assign(r1, {b2}));
  EXPECT_TRUE(scheduler.on_block_done(r1, b2, 12));
  EXPECT_TRUE(scheduler.on_block_done(r0, b0, 12));
  EXPECT_EQ(scheduler.on_ready(r0, one, 12), stop({r0}));
  scheduler.on_finished(r0);
  EXPECT_FALSE(scheduler.finished());  // it is waited for like any other
  EXPECT_EQ(scheduler.on_ready(r1, one, 12), stop({r1}));
  scheduler.on_finished(r1);
  EXPECT_TRUE(scheduler.finished());
}

TEST(Scheduler, BackWhenAllIsDoneItIsStoppedAtWork) {
  Scheduler scheduler(blocks(2), 2, {.silence_seconds = 10});
  scheduler.on_ready(r0, one, 0);
  scheduler.on_ready(r1, one, 0);
  scheduler.on_time(10);
  scheduler.on_block_done(r0, b0, 11);
  EXPECT_EQ(scheduler.on_ready(r0, one, 11), assign(r0, {b1}));
  scheduler.on_heard(r1, 12);
  scheduler.on_block_done(r0, b1, 12);
  EXPECT_EQ(scheduler.after_done(12), stop({r1}));
}

TEST(Scheduler, AllLostIsAnError) {
  // Rank 0's worker fails, the other is lost.
  Scheduler scheduler(blocks(1), 2);
  scheduler.on_failed(r0, failed(ErrorCode::kOutput, "disk full"), 0);
  test::expect_error(ErrorCode::kLaunch, "every rank is lost", [&] { scheduler.on_rank_lost(r1, 1); });
}

TEST(Scheduler, ABlockThatKillsRanksIsSetAside) {
  constexpr int kRanks = 5;
  Scheduler scheduler(blocks(5), kRanks);
  EXPECT_EQ(scheduler.on_ready(r1, {2, 1}, 0), assign(r1, {b0}));  // a fair share
  EXPECT_EQ(scheduler.on_ready(r2, {2, 1}, 0), assign(r2, {b1}));
  scheduler.on_rank_lost(r1, 1);
  EXPECT_EQ(scheduler.on_ready(Rank{3}, many, 2), assign(Rank{3}, {b0}));  // at once, and alone
  scheduler.on_rank_lost(Rank{3}, 3);
  EXPECT_EQ(scheduler.on_ready(Rank{4}, one, 4), assign(Rank{4}, {b2}));  // now it comes last
  scheduler.on_block_done(Rank{4}, b2, 5);
  EXPECT_EQ(scheduler.on_ready(Rank{4}, one, 5), assign(Rank{4}, {b3}));
  scheduler.on_block_done(Rank{4}, b3, 6);
  EXPECT_EQ(scheduler.on_ready(Rank{4}, one, 6), assign(Rank{4}, {BlockId{4}}));
  scheduler.on_block_done(Rank{4}, BlockId{4}, 7);
  EXPECT_EQ(scheduler.on_ready(Rank{4}, one, 7), List{});  // alone in work: so shows which block it is
  scheduler.on_block_done(r2, b1, 8);
  EXPECT_EQ(scheduler.after_done(8), assign(Rank{4}, {b0}));
  EXPECT_EQ(scheduler.on_rank_lost(Rank{4}, 8), List{});
  EXPECT_EQ(scheduler.set_aside(), std::vector<BlockId>{b0});
  EXPECT_TRUE(scheduler.all_blocks_done());
  // One of the lost had done it after all.
  EXPECT_TRUE(scheduler.on_block_done(r1, b0, 9));
  EXPECT_EQ(scheduler.set_aside(), std::vector<BlockId>{});
}

TEST(Scheduler, BlocksThatRunsDiedWith) {
  Scheduler scheduler({{b0, false, 7}, {b1, false, 2}, {b2, false, 1}, {b3, false, 1}, {BlockId{4}, false, 0}}, 2);
  EXPECT_EQ(scheduler.on_ready(r0, many, 0), assign(r0, {b2}));
  EXPECT_EQ(scheduler.on_ready(r1, many, 0), assign(r1, {b3}));
  scheduler.on_block_done(r1, b3, 1);
  EXPECT_EQ(scheduler.on_ready(r1, many, 1), assign(r1, {BlockId{4}}));
  scheduler.on_block_done(r1, BlockId{4}, 2);
  EXPECT_EQ(scheduler.on_ready(r1, many, 2), List{});
  // That block waits for this one does not keep it from being dealt twice.
  EXPECT_EQ(scheduler.on_time(3), (List{{r1, comm::Assign{{b2}}}}));
  scheduler.on_block_done(r1, b2, 4);
  EXPECT_EQ(scheduler.on_ready(r1, many, 4), assign(r1, {b0}));
  EXPECT_EQ(scheduler.on_ready(r0, many, 4), List{});
  scheduler.on_block_done(r1, b0, 5);
  EXPECT_EQ(scheduler.after_done(5), assign(r0, {b1}));
  scheduler.on_block_done(r0, b1, 6);
  EXPECT_TRUE(scheduler.all_blocks_done());
  EXPECT_TRUE(scheduler.set_aside().empty());
}

TEST(Scheduler, AFailingRankGetsNothingMoreAndOthersDoItsWork) {
  Scheduler scheduler(blocks(3), 3);
  scheduler.on_ready(r1, one, 0);
  EXPECT_EQ(scheduler.on_failed(r1, failed(ErrorCode::kOutput, "/scratch: no space"), 1), List{});
  EXPECT_EQ(scheduler.take_notices(),
            std::vector<std::string>{"rank 1 gets no more work, its 1 block is dealt again: /scratch: no space"});
  EXPECT_EQ(scheduler.on_ready(r1, one, 1), List{});
  EXPECT_EQ(scheduler.on_ready(r0, one, 1), assign(r0, {b0}));
  EXPECT_EQ(scheduler.on_ready(r2, one, 1), assign(r2, {b1}));
  scheduler.on_block_done(r0, b0, 2);
  scheduler.on_block_done(r2, b1, 2);
  EXPECT_EQ(scheduler.on_ready(r0, one, 2), assign(r0, {b2}));
  scheduler.on_block_done(r0, b2, 3);
  EXPECT_EQ(scheduler.after_done(3), stop({r1}));  // it must still make durable what it did before
  EXPECT_EQ(scheduler.on_ready(r0, one, 3), stop({r0}));
  EXPECT_EQ(scheduler.on_ready(r2, one, 3), stop({r2}));
  for (const Rank rank : {r0, r1}) scheduler.on_finished(rank);
  EXPECT_FALSE(scheduler.finished());
  test::expect_error(ErrorCode::kOutput, "cannot sync",
                     [&] { scheduler.on_failed(r2, failed(ErrorCode::kOutput, "cannot sync"), 4); });
}

TEST(Scheduler, AFailureThatAnotherRankCannotMendEndsTheJob) {
  {
    Scheduler alone(blocks(2), 1);
    alone.on_ready(r0, one, 0);
    test::expect_error(ErrorCode::kInput, "changed",
                       [&] { alone.on_failed(r0, failed(ErrorCode::kInput, "changed"), 1); });
  }
  {
    Scheduler wrong_model(blocks(2), 2);
    test::expect_error(ErrorCode::kModel, "another model",
                       [&] { wrong_model.on_failed(r1, failed(ErrorCode::kModel, "another model"), 1); });
  }
  Scheduler scheduler(blocks(3), 3);
  scheduler.on_ready(r1, one, 0);
  scheduler.on_failed(r1, failed(ErrorCode::kInput, "changed"), 1);
  EXPECT_EQ(scheduler.on_ready(r2, one, 1), assign(r2, {b0}));
  test::expect_error(ErrorCode::kInput, "changed",
                     [&] { scheduler.on_failed(r2, failed(ErrorCode::kInput, "changed"), 2); });
}

TEST(Scheduler, LateBlocksAreDealtTwiceAndTheFirstAnswerWins) {
  Scheduler scheduler(blocks(4), 3);
  EXPECT_EQ(scheduler.on_ready(r0, many, 0), assign(r0, {b0, b1}));
  EXPECT_EQ(scheduler.on_ready(r1, one, 0), assign(r1, {b2}));
  EXPECT_EQ(scheduler.on_ready(r2, one, 0), assign(r2, {b3}));
  EXPECT_TRUE(scheduler.on_block_done(r1, b2, 10));
  EXPECT_EQ(scheduler.on_ready(r1, one, 10), List{});
  EXPECT_TRUE(scheduler.on_block_done(r2, b3, 10));
  EXPECT_EQ(scheduler.on_ready(r2, one, 10), List{});
  EXPECT_EQ(scheduler.on_time(20), List{});  // not yet late
  EXPECT_EQ(scheduler.on_time(20.5), (List{{r1, comm::Assign{{b0}}}, {r2, comm::Assign{{b1}}}}));
  EXPECT_EQ(scheduler.on_time(21), List{});  // not a third time
  EXPECT_TRUE(scheduler.on_block_done(r1, b0, 30));
  EXPECT_FALSE(scheduler.on_block_done(r0, b0, 30));
  EXPECT_TRUE(scheduler.on_block_done(r0, b1, 31));
  EXPECT_EQ(scheduler.after_done(31), stop({r2}));  // at work on a copy
  EXPECT_EQ(scheduler.on_ready(r1, one, 31), stop({r1}));
  EXPECT_EQ(scheduler.on_ready(r0, one, 31), stop({r0}));
}

TEST(Scheduler, WhoIsAtNothingWhenAllIsDoneIsNotWaitedForLong) {
  Scheduler scheduler(blocks(1), 2, {.grace_seconds = 5});
  scheduler.on_ready(r0, one, 0);
  scheduler.on_block_done(r0, b0, 1);
  EXPECT_EQ(scheduler.on_ready(r0, one, 1), stop({r0}));
  EXPECT_EQ(scheduler.on_time(5), List{});
  EXPECT_EQ(scheduler.on_time(7), stop({r1}));
}

TEST(Scheduler, UnknownRanksAreRefused) {
  Scheduler scheduler(blocks(1), 2);
  test::expect_error(ErrorCode::kLaunch, "rank 2 of 2", [&] { scheduler.on_ready(r2, one, 0); });
}

}  // namespace
}  // namespace fz::coordinator
