#include "shard/restore_journal.h"

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace fz::shard {
namespace {

Hash16 hash_number(std::uint8_t value) {
  Hash16 hash;
  hash.fill(value);
  return hash;
}

TEST(RestoreJournal, RemembersWhatAllRanksOfAllRunsClaim) {
  const test::TemporaryDirectory directory;
  EXPECT_EQ(read_restore_journals(directory.path()).runs, 0u);
  RestoreJournalWriter(directory.path(), 1, Rank{0}).add(BlockId{3}, hash_number(1));
  RestoreJournalWriter writer(directory.path(), 2, Rank{4});
  writer.add(BlockId{7}, hash_number(2));
  writer.add(BlockId{0}, hash_number(3));
  const RestoreClaims claims = read_restore_journals(directory.path());
  EXPECT_EQ(claims.runs, 2u);
  replace_file(directory / "predictions-3-9-0", Bytes{});  // of a run that has finished no block
  EXPECT_EQ(read_restore_journals(directory.path()).runs, 9u);
  EXPECT_EQ(claims.blocks,
            (std::map<BlockId, Hash16>{
                {BlockId{0}, hash_number(3)}, {BlockId{3}, hash_number(1)}, {BlockId{7}, hash_number(2)}}));
}

TEST(RestoreJournal, EndsWhereItIsTornOrDamaged) {
  const test::TemporaryDirectory directory;
  {
    RestoreJournalWriter writer(directory.path(), 1, Rank{0});
    for (std::uint8_t block = 0; block < 3; ++block) writer.add(BlockId{block}, hash_number(block));
  }
  const std::filesystem::path path = directory / restore_journal_name(1, Rank{0});
  const std::string whole = test::read_text(path);
  const std::size_t record_bytes = (whole.size() - 8) / 3;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    test::write_text(path, whole.substr(0, size));
    EXPECT_EQ(read_restore_journals(directory.path()).blocks.size(), size < 8 ? 0 : (size - 8) / record_bytes) << size;
    std::string bad = whole;
    bad[size] ^= 1;
    test::write_text(path, bad);
    EXPECT_EQ(read_restore_journals(directory.path()).blocks.size(), size < 8 ? 0 : (size - 8) / record_bytes) << size;
  }
}

TEST(RestoreJournal, AWholeBlockIsKnownByTheArchiveAPartByTheClaim) {
  const Bytes raw = {1, 2, 3, 4};
  BlockHeader block;
  block.raw_bytes = 4;
  block.raw_hash = hash16(raw);
  const std::vector<ByteSpan> whole = {ByteSpan(raw).first(1), ByteSpan(raw).subspan(1)};
  const std::vector<ByteSpan> part = {ByteSpan(raw).subspan(1, 2)};
  EXPECT_EQ(restored_hash(block, whole), block.raw_hash);
  EXPECT_TRUE(is_restored(block, whole, hash_number(0)));
  EXPECT_TRUE(is_restored(block, part, restored_hash(block, part)));
  EXPECT_FALSE(is_restored(block, part, hash_number(0)));
  EXPECT_FALSE(is_restored(block, std::vector<ByteSpan>{ByteSpan(raw).first(2)}, restored_hash(block, part)));
  // The same part of another block.
  BlockHeader other = block;
  other.raw_hash = hash_number(9);
  EXPECT_FALSE(is_restored(other, part, restored_hash(block, part)));
  EXPECT_FALSE(is_restored(other, whole, block.raw_hash));
}

}  // namespace
}  // namespace fz::shard
