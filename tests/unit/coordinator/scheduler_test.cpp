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

using List = std::vector<Outgoing>;

List assign(Rank rank, std::vector<BlockId> blocks) {
  return {{rank, comm::Assign{std::move(blocks)}}};
}

TEST(Scheduler, DealsInOrderAndStopsAll) {
  Scheduler scheduler({{b0, false}, {b1, false}, {b2, false}}, 2);
  EXPECT_EQ(scheduler.on_ready(r1, 4), assign(r1, {b0}));
  EXPECT_EQ(scheduler.on_ready(r0, 4), assign(r0, {b1}));
  EXPECT_TRUE(scheduler.on_block_done(r0, b1));
  EXPECT_EQ(scheduler.after_done(), List{});
  EXPECT_EQ(scheduler.on_ready(r0, 4), assign(r0, {b2}));
  EXPECT_TRUE(scheduler.on_block_done(r1, b0));
  EXPECT_EQ(scheduler.after_done(), List{});
  EXPECT_EQ(scheduler.on_ready(r1, 4), List{});  // nothing to do, but r0 may be lost yet
  EXPECT_TRUE(scheduler.on_block_done(r0, b2));
  EXPECT_EQ(scheduler.after_done(), (List{{r1, comm::Stop{}}}));
  EXPECT_EQ(scheduler.on_ready(r0, 4), (List{{r0, comm::Stop{}}}));
  EXPECT_FALSE(scheduler.finished());
  scheduler.on_finished(r0);
  scheduler.on_finished(r1);
  EXPECT_TRUE(scheduler.finished());
}

TEST(Scheduler, CheapBlocksGoInBatches) {
  Scheduler scheduler({{b0, false}, {b1, true}, {b2, true}, {b3, true}}, 1);
  EXPECT_EQ(scheduler.on_ready(r0, 2), assign(r0, {b0}));  // a slow block goes alone
  scheduler.on_block_done(r0, b0);
  EXPECT_EQ(scheduler.on_ready(r0, 2), assign(r0, {b1, b2}));
  scheduler.on_block_done(r0, b1);
  scheduler.on_block_done(r0, b2);
  EXPECT_EQ(scheduler.on_ready(r0, 2), assign(r0, {b3}));
}

TEST(Scheduler, NothingToDo) {
  Scheduler scheduler({}, 2);
  EXPECT_EQ(scheduler.on_ready(r0, 1), (List{{r0, comm::Stop{}}}));
  EXPECT_EQ(scheduler.on_ready(r1, 1), (List{{r1, comm::Stop{}}}));
}

TEST(Scheduler, LostRanksBlocksGoToWhoWaits) {
  Scheduler scheduler({{b0, false}, {b1, false}}, 3);
  scheduler.on_ready(r0, 1);
  scheduler.on_ready(r1, 1);
  EXPECT_EQ(scheduler.on_ready(r2, 1), List{});
  EXPECT_EQ(scheduler.on_rank_lost(r0), assign(r2, {b0}));
  EXPECT_EQ(scheduler.on_rank_lost(r0), List{});  // said twice
  // The lost rank had done it after all, then the other does it again.
  EXPECT_TRUE(scheduler.on_block_done(r0, b0));
  EXPECT_FALSE(scheduler.on_block_done(r2, b0));
  EXPECT_TRUE(scheduler.on_block_done(r1, b1));
  EXPECT_EQ(scheduler.on_ready(r1, 1), (List{{r1, comm::Stop{}}}));
  EXPECT_EQ(scheduler.on_ready(r2, 1), (List{{r2, comm::Stop{}}}));
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
  test::expect_error(ErrorCode::kLaunch, "rank 2 of 2", [&] { scheduler.on_ready(r2, 1); });
}

}  // namespace
}  // namespace fz::coordinator
