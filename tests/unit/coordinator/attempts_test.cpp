#include "coordinator/attempts.h"

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace fz::coordinator {
namespace {

const shard::Check8 kPlan{8, 7, 6};
constexpr BlockId b0{0}, b1{1}, b2{2};

class AttemptsTest : public testing::Test {
 protected:
  Attempts open(const FinishedBlocks& finished = {}, const shard::Check8& plan = kPlan) const {
    return {directory_ / "attempts", plan, finished};
  }
  /// A run that dies with these in work.
  void die_with(const std::vector<BlockId>& blocks) const { open().begin(blocks); }

  test::TemporaryDirectory directory_;
};

TEST_F(AttemptsTest, DeathsAreCountedOverRuns) {
  EXPECT_EQ(open().deaths(b0), 0);
  die_with({b0, b1});
  die_with({b0, b0});
  const Attempts attempts = open();
  EXPECT_EQ(attempts.deaths(b0), 2);
  EXPECT_EQ(attempts.deaths(b1), 1);
  EXPECT_EQ(attempts.deaths(b2), 0);
  EXPECT_EQ(open().deaths(b0), 2) << "a run that dealt nothing changes nothing";
}

TEST_F(AttemptsTest, WhatIsFinishedIsForgotten) {
  die_with({b0, b1});
  EXPECT_EQ(open({{b0, {}}}).deaths(b0), 0);
  EXPECT_EQ(open().deaths(b1), 1);
}

TEST_F(AttemptsTest, AnOrderlyEndIsNoDeath) {
  die_with({b0});
  {
    Attempts attempts = open();
    attempts.begin(std::vector<BlockId>{b0, b1});
    attempts.end();
  }
  EXPECT_EQ(open().deaths(b0), 1);
  EXPECT_EQ(open().deaths(b1), 0);
}

TEST_F(AttemptsTest, AnotherPlanOrADamagedFileCountsAsNothing) {
  die_with({b0});
  EXPECT_EQ(open({}, {1}).deaths(b0), 0);
  die_with({b0, b1});
  std::string bytes = test::read_text(directory_ / "attempts");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    test::write_text(directory_ / "attempts", bytes.substr(0, size));
    EXPECT_LE(open().deaths(b1), 0) << size;
  }
  bytes[bytes.size() - 1] ^= 1;
  test::write_text(directory_ / "attempts", bytes);
  EXPECT_EQ(open().deaths(b0), 1);
  EXPECT_EQ(open().deaths(b1), 0);
}

}  // namespace
}  // namespace fz::coordinator
