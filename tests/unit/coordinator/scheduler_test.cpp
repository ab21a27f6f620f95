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

TEST(Scheduler, DealsInOrderAndStopsAll) {
  Scheduler scheduler({{b0, false}, {b1, false}, {b2, false}}, 2);
  EXPECT_EQ(scheduler.on_ready(r1, one), assign(r1, {b0}));
  EXPECT_EQ(scheduler.on_ready(r0, one), assign(r0, {b1}));
  EXPECT_TRUE(scheduler.on_block_done(r0, b1));
  EXPECT_EQ(scheduler.after_done(), List{});
  EXPECT_EQ(scheduler.on_ready(r0, one), assign(r0, {b2}));
  EXPECT_TRUE(scheduler.on_block_done(r1, b0));
  EXPECT_EQ(scheduler.after_done(), List{});
  EXPECT_EQ(scheduler.on_ready(r1, one), List{});  // nothing to do, but r0 may be lost yet
  EXPECT_TRUE(scheduler.on_block_done(r0, b2));
  EXPECT_EQ(scheduler.after_done(), (List{{r1, comm::Stop{}}}));
  EXPECT_EQ(scheduler.on_ready(r0, one), (List{{r0, comm::Stop{}}}));
  EXPECT_FALSE(scheduler.finished());
  scheduler.on_finished(r0);
  scheduler.on_finished(r1);
  EXPECT_TRUE(scheduler.finished());
}

TEST(Scheduler, CheapBlocksGoInBatches) {
  Scheduler scheduler({{b0, false}, {b1, true}, {b2, true}, {b3, true}}, 1);
  EXPECT_EQ(scheduler.on_ready(r0, one), assign(r0, {b0}));  // a slow block goes alone
  scheduler.on_block_done(r0, b0);
  EXPECT_EQ(scheduler.on_ready(r0, one), assign(r0, {b1, b2}));
  scheduler.on_block_done(r0, b1);
  scheduler.on_block_done(r0, b2);
  EXPECT_EQ(scheduler.on_ready(r0, one), assign(r0, {b3}));
}

TEST(Scheduler, SeveralBlocksAtATimeButOnlyAFairShare) {
  Scheduler scheduler({{b0, false}, {b1, false}, {b2, false}, {b3, true}}, 2);
  EXPECT_EQ(scheduler.on_ready(r0, many), assign(r0, {b0, b1}));  // half of what there is
  EXPECT_EQ(scheduler.on_ready(r1, many), assign(r1, {b2}));      // half, but of one kind
  scheduler.on_block_done(r1, b2);
  EXPECT_EQ(scheduler.on_ready(r1, many), assign(r1, {b3}));
  EXPECT_EQ(scheduler.on_rank_lost(r0), List{});
  scheduler.on_block_done(r1, b3);
  EXPECT_EQ(scheduler.on_ready(r1, many), assign(r1, {b0, b1}));  // all: it is alone
}

TEST(Scheduler, NothingToDo) {
  Scheduler scheduler({}, 2);
  EXPECT_EQ(scheduler.on_ready(r0, one), (List{{r0, comm::Stop{}}}));
  EXPECT_EQ(scheduler.on_ready(r1, one), (List{{r1, comm::Stop{}}}));
}

TEST(Scheduler, LostRanksBlocksGoToWhoWaits) {
  Scheduler scheduler({{b0, false}, {b1, false}}, 3);
  scheduler.on_ready(r0, one);
  scheduler.on_ready(r1, one);
  EXPECT_EQ(scheduler.on_ready(r2, one), List{});
  EXPECT_EQ(scheduler.on_rank_lost(r0), assign(r2, {b0}));
  EXPECT_EQ(scheduler.on_rank_lost(r0), List{});  // said twice
  // The lost rank had done it after all, then the other does it again.
  EXPECT_TRUE(scheduler.on_block_done(r0, b0));
  EXPECT_FALSE(scheduler.on_block_done(r2, b0));
  EXPECT_TRUE(scheduler.on_block_done(r1, b1));
  EXPECT_EQ(scheduler.on_ready(r1, one), (List{{r1, comm::Stop{}}}));
  EXPECT_EQ(scheduler.on_ready(r2, one), (List{{r2, comm::Stop{}}}));
  scheduler.on_finished(r1);
  scheduler.on_finished(r2);
  EXPECT_TRUE(scheduler.finished());
}

TEST(Scheduler, AllLostIsAnError) {
  Scheduler scheduler({{b0, false}}, 2);
  scheduler.on_rank_lost(r0);
  test::expect_error(ErrorCode::kLaunch, "every rank is lost", [&] { scheduler.on_rank_lost(r1); });
}

TEST(Scheduler, UnknownRanksAreRefused) {
  Scheduler scheduler({{b0, false}}, 2);
  test::expect_error(ErrorCode::kLaunch, "rank 2 of 2", [&] { scheduler.on_ready(r2, one); });
}

}  // namespace
}  // namespace fz::coordinator
