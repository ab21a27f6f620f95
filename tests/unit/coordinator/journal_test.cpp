#include "coordinator/journal.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace fz::coordinator {
namespace {

using Block = std::pair<BlockId, shard::BlockPlace>;

const Block kFirst{BlockId{4}, {1, Rank{2}, 100, 60}};
const Block kSecond{BlockId{7}, {1, Rank{0}, 1ull << 40, 99}};

TEST(Journal, RemembersEverything) {
  const test::TemporaryDirectory directory;
  const Commit commit{12345, {1, 2, 3, 4, 5, 6, 7, 8}};
  {
    Journal journal(directory / "journal");
    EXPECT_EQ(journal.begin_run(), 1u);
    journal.add_blocks(std::vector<Block>{kFirst, kSecond});
    journal.add_commit(commit);
  }
  Journal journal(directory / "journal");
  EXPECT_EQ(journal.content().blocks.size(), 2u);
  EXPECT_EQ(journal.content().blocks.at(BlockId{7}), kSecond.second);
  EXPECT_EQ(journal.content().commit, commit);
  EXPECT_EQ(journal.begin_run(), 2u);
}

TEST(Journal, TheLastRecordOfABlockCounts) {
  const test::TemporaryDirectory directory;
  Journal(directory / "journal").add_blocks(std::vector<Block>{kFirst});
  Journal(directory / "journal").add_blocks(std::vector<Block>{{kFirst.first, kSecond.second}});
  EXPECT_EQ(Journal(directory / "journal").content().blocks.at(kFirst.first), kSecond.second);
}

TEST(Journal, ATornTailIsCutOffAtEveryLength) {
  const test::TemporaryDirectory directory;
  Journal(directory / "journal").add_blocks(std::vector<Block>{kFirst, kSecond});
  const std::string whole = test::read_text(directory / "journal");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    test::write_text(directory / "torn", whole.substr(0, size));
    const std::size_t records = size < 8 ? 0 : (size - 8) / ((whole.size() - 8) / 2);
    {
      Journal journal(directory / "torn");
      EXPECT_EQ(journal.content().blocks.size(), records) << size;
      // What follows the cut must be readable again.
      journal.add_blocks(std::vector<Block>{{BlockId{1}, {}}});
    }
    EXPECT_EQ(Journal(directory / "torn").content().blocks.size(), records + 1) << size;
  }
}

TEST(Journal, ADamagedRecordEndsIt) {
  const test::TemporaryDirectory directory;
  Journal(directory / "journal").add_blocks(std::vector<Block>{kFirst, kSecond});
  std::string bad = test::read_text(directory / "journal");
  bad[12] = static_cast<char>(bad[12] ^ 1);
  test::write_text(directory / "journal", bad);
  EXPECT_TRUE(Journal(directory / "journal").content().blocks.empty());
}

TEST(Journal, AnotherFileIsRefused) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "journal", "something else entirely");
  test::expect_error(ErrorCode::kCorrupt, "not a journal", [&] { Journal(directory / "journal"); });
}

}  // namespace
}  // namespace fz::coordinator
