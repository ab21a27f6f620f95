#include "coordinator/journal.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace fz::coordinator {
namespace {

using Block = std::pair<BlockId, shard::BlockPlace>;

const shard::Check8 kPlan{8, 7, 6, 5, 4, 3, 2, 1};
const Block kFirst{BlockId{4}, {1, Rank{2}, 100, 60}};
const Block kSecond{BlockId{7}, {1, Rank{0}, 1ull << 40, 99}};

TEST(Journal, RemembersEverything) {
  const test::TemporaryDirectory directory;
  const Commit commit{12345, {1, 2, 3, 4, 5, 6, 7, 8}};
  {
    Journal journal(directory / "journal", kPlan);
    EXPECT_EQ(journal.begin_run(), 1u);
    journal.add_blocks(std::vector<Block>{kFirst, kSecond});
    journal.add_commit(commit);
  }
  Journal journal(directory / "journal", kPlan);
  EXPECT_EQ(journal.content().blocks.size(), 2u);
  EXPECT_EQ(journal.content().blocks.at(BlockId{7}), kSecond.second);
  EXPECT_EQ(journal.content().commit, commit);
  EXPECT_EQ(journal.begin_run(), 2u);
}

TEST(Journal, TheLastRecordOfABlockCounts) {
  const test::TemporaryDirectory directory;
  Journal(directory / "journal", kPlan).add_blocks(std::vector<Block>{kFirst});
  Journal(directory / "journal", kPlan).add_blocks(std::vector<Block>{{kFirst.first, kSecond.second}});
  EXPECT_EQ(Journal(directory / "journal", kPlan).content().blocks.at(kFirst.first), kSecond.second);
}

TEST(Journal, ATornTailIsCutOffAtEveryLength) {
  const test::TemporaryDirectory directory;
  Journal(directory / "journal", kPlan).add_blocks(std::vector<Block>{kFirst, kSecond});
  const std::string whole = test::read_text(directory / "journal");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    test::write_text(directory / "torn", whole.substr(0, size));
    const std::size_t records = size < 16 ? 0 : (size - 16) / ((whole.size() - 16) / 2);
    {
      Journal journal(directory / "torn", kPlan);
      EXPECT_EQ(journal.content().blocks.size(), records) << size;
      // What follows the cut must be readable again.
      journal.add_blocks(std::vector<Block>{{BlockId{1}, {}}});
    }
    EXPECT_EQ(Journal(directory / "torn", kPlan).content().blocks.size(), records + 1) << size;
  }
}

TEST(Journal, ADamagedRecordEndsIt) {
  const test::TemporaryDirectory directory;
  Journal(directory / "journal", kPlan).add_blocks(std::vector<Block>{kFirst, kSecond});
  std::string bad = test::read_text(directory / "journal");
  bad[20] = static_cast<char>(bad[20] ^ 1);
  test::write_text(directory / "journal", bad);
  EXPECT_TRUE(Journal(directory / "journal", kPlan).content().blocks.empty());
}

TEST(Journal, AnotherFileIsRefused) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "journal", "something else entirely");
  test::expect_error(ErrorCode::kCorrupt, "not a journal", [&] { Journal(directory / "journal", kPlan); });
}

TEST(Journal, WhatWasWrittenForAnotherPlanIsDiscarded) {
  const test::TemporaryDirectory directory;
  const shard::Check8 other{1};
  Journal(directory / "journal", kPlan).add_blocks(std::vector<Block>{kFirst});
  EXPECT_TRUE(Journal(directory / "journal", other).content().blocks.empty());
  EXPECT_EQ(read_journal(directory / "journal").plan_check, other);
  EXPECT_TRUE(Journal(directory / "journal", kPlan).content().blocks.empty());
}

TEST(Journal, ReadingChangesNothingAndNamesThePart) {
  const test::TemporaryDirectory directory;
  const shard::JobPart part = Part{2, 8};
  Block block = kFirst;
  block.second.part = part;
  Journal(directory / "journal", kPlan, part).add_blocks(std::vector<Block>{block});
  const std::string torn = test::read_text(directory / "journal") + "torn";
  test::write_text(directory / "journal", torn);
  EXPECT_EQ(read_journal(directory / "journal", part).blocks.at(block.first), block.second);
  EXPECT_EQ(test::read_text(directory / "journal"), torn);
}

TEST(Journal, MoreRecordsThanAreReadAtOnce) {
  const test::TemporaryDirectory directory;
  std::vector<Block> blocks;
  for (std::uint32_t i = 0; i < 10'000; ++i) blocks.push_back({BlockId{i}, {1, Rank{0}, i, 60}});
  Journal(directory / "journal", kPlan).add_blocks(blocks);
  EXPECT_EQ(read_journal(directory / "journal").blocks.size(), blocks.size());
}

TEST(Journal, AnImpossibleRunNumberIsRefused) {
  const test::TemporaryDirectory directory;
  Journal journal(directory / "journal", kPlan);
  test::expect_error(ErrorCode::kCorrupt, "run number", [&] { journal.begin_run(UINT64_MAX); });
  test::expect_error(ErrorCode::kCorrupt, "run number", [&] { journal.begin_run(1ull << 60); });
  EXPECT_EQ(journal.begin_run(5), 6u);
}

}  // namespace
}  // namespace fz::coordinator
