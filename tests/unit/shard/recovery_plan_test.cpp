#include "shard/recovery_plan.h"

#include <gtest/gtest.h>

namespace fz::shard {
namespace {

/// Blocks of ten raw bytes each.
FoundBlock block(std::uint32_t id, bool intact = true) {
  FoundBlock found;
  found.header.id = BlockId{id};
  found.header.raw_offset = 10 * id;
  found.header.raw_bytes = found.header.payload_bytes = 10;
  found.file_offset = 104 + 66 * id;
  found.intact = intact;
  return found;
}

FileEntry file(const std::string& path, std::uint64_t raw_offset, std::uint64_t raw_bytes) {
  FileEntry entry;
  entry.path = path;
  entry.raw_offset = raw_offset;
  entry.raw_bytes = raw_bytes;
  return entry;
}

/// Four blocks, of which 1 is damaged; a file in each of the others, one over three blocks, one that is empty.
struct Sample {
  RecoveryScan scan;
  RecoveryTail tail;
  RecoveryOrder order;

  Sample() {
    tail.table_trust = Trust::kConfirmed;
    tail.corpus_bytes = 40;
    tail.entries = {file("a", 0, 5), file("b", 5, 20), file("c", 25, 15), file("empty", 0, 0)};
    order.placed = {block(0), block(1, false), block(2), block(3)};
    order.table_belongs = true;
  }
  RecoveryPlan plan() const { return plan_recovery(scan, tail, order, order.unplaced); }
};

std::vector<std::string> regular_paths(const RecoveryPlan& plan) {
  std::vector<std::string> paths;
  for (const FileEntry& entry : plan.entries) {
    if (entry.type == FileType::kRegular)
      paths.push_back(fmt::format("{} {} {}", entry.path, entry.raw_offset, entry.raw_bytes));
  }
  return paths;
}

TEST(RecoveryPlan, BlocksAreNumberedAnewAndFilesFollowThem) {
  const RecoveryPlan plan = Sample().plan();
  ASSERT_EQ(plan.blocks.size(), 3u);
  EXPECT_EQ(number(plan.blocks[1].header.id), 1u);
  EXPECT_EQ(plan.blocks[1].header.raw_offset, 10u);
  EXPECT_EQ(number(plan.blocks[1].source.header.id), 2u);
  EXPECT_EQ(regular_paths(plan), (std::vector<std::string>{"a 0 5", "c 15 15", "empty 0 0",
                                                           "recovered/by-name/b/000000000000-000000000005 5 5",
                                                           "recovered/by-name/b/000000000015-000000000020 10 5"}));
  ASSERT_EQ(plan.damaged_files.size(), 1u);
  EXPECT_EQ(plan.damaged_files[0].lost, (std::vector<ByteRange>{{5, 15}}));
  ASSERT_EQ(plan.lost_blocks.size(), 1u);
  EXPECT_EQ(plan.lost_blocks[0].first_id, 1u);
  EXPECT_EQ(plan.lost_blocks[0].raw, (ByteRange{10, 20}));
  EXPECT_EQ(plan.intact_files, 3u);
  EXPECT_FALSE(plan.is_complete());
  validate_file_table(plan.entries, plan.kept_raw_bytes(), "test");
}

TEST(RecoveryPlan, ACompletePlanChangesNothing) {
  Sample sample;
  sample.order.placed[1].intact = true;
  const RecoveryPlan plan = sample.plan();
  EXPECT_TRUE(plan.is_complete());
  EXPECT_EQ(plan.entries, sample.tail.entries);
  EXPECT_TRUE(plan.recovered_directory.empty());
}

TEST(RecoveryPlan, WithoutATableStretchesAreFiles) {
  Sample sample;
  sample.order.table_belongs = false;
  sample.order.unplaced = {block(9)};
  const RecoveryPlan plan = sample.plan();
  EXPECT_EQ(regular_paths(plan),
            (std::vector<std::string>{"recovered/by-offset/offset-000000000000-000000000010.bin 0 10",
                                      "recovered/by-offset/offset-000000000020-000000000040.bin 10 20",
                                      "recovered/unplaced/file-offset-000000000698-000000000764.bin 30 10"}));
  EXPECT_FALSE(plan.lost_blocks.back().end_known);
  validate_file_table(plan.entries, plan.kept_raw_bytes(), "test");
}

TEST(RecoveryPlan, NamesThatAreTakenOrTooLongAreAvoided) {
  Sample sample;
  FileEntry directory = file("recovered", 0, 0);
  directory.type = FileType::kDirectory;
  std::string path = "b";
  while (path.size() < kMaxPathBytes - 20) path += "/b";
  std::vector<FileEntry>& entries = sample.tail.entries;
  entries = {file("a", 0, 5), file("c", 25, 15), directory, file("recovered/mine", 5, 20)};
  EXPECT_EQ(sample.plan().recovered_directory, "recovered-2");
  entries = {file("a", 0, 5)};
  for (std::size_t end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1)) {
    entries.push_back(directory);
    entries.back().path = path.substr(0, end);
  }
  entries.push_back(file(path, 5, 20));
  entries.push_back(file("c", 25, 15));
  validate_file_table(entries, 40, "test");
  const RecoveryPlan plan = sample.plan();
  validate_file_table(plan.entries, plan.kept_raw_bytes(), "test");
  const auto paths = regular_paths(plan);
  EXPECT_NE(std::find(paths.begin(), paths.end(), "recovered/by-offset/offset-000000000005-000000000010.bin 5 5"),
            paths.end());
}

}  // namespace
}  // namespace fz::shard
