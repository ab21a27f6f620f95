#include "shard/shard_file.h"

#include <gtest/gtest.h>

namespace fz::shard {
namespace {

const JobPart kWhole;
const JobPart kSecond = Part{2, 8};

TEST(ShardFile, NamesTellPartsApart) {
  EXPECT_EQ(name_of_part(kJournalName, kWhole), "journal");
  EXPECT_EQ(name_of_part(kJournalName, kSecond), "journal-2-of-8");
  EXPECT_EQ(shard_name(kWhole, 3, Rank{1}), "shard-3-1");
  EXPECT_EQ(shard_name(kSecond, 3, Rank{1}), "shard-2-of-8-3-1");
}

TEST(ShardFile, NamesAreReadAsTheyAreWritten) {
  EXPECT_EQ(part_of_name("journal", kJournalName), std::optional<JobPart>(kWhole));
  EXPECT_EQ(part_of_name("journal-2-of-8", kJournalName), std::optional<JobPart>(kSecond));
  for (const char* name : {"", "journa", "journal-", "journal-2", "journal-02-of-8", "journal-9-of-8", "journal-0-of-8",
                           "journal-2-of-8-", "lock-2-of-8", "journal-2-of-8.tmp-1"}) {
    EXPECT_FALSE(part_of_name(name, kJournalName)) << name;
  }
  EXPECT_EQ(run_of_shard_name("shard-3-1", kWhole), 3u);
  EXPECT_EQ(run_of_shard_name("shard-2-of-8-3-1", kSecond), 3u);
  EXPECT_EQ(run_of_shard_name("shard-2-of-8-3-1", kWhole), std::nullopt);
  EXPECT_EQ(run_of_shard_name("shard-2-of-8-3-1", JobPart(Part{3, 8})), std::nullopt);
  EXPECT_EQ(run_of_shard_name("shard-3-1", kSecond), std::nullopt);
  for (const char* name :
       {"shard-", "shard-3", "shard-3-", "shard-03-1", "shard-3-1x", "shard-99999999999999999999-1"}) {
    EXPECT_EQ(run_of_shard_name(name, kWhole), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace fz::shard
