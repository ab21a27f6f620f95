#include "shard/plan.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace fz::shard {
namespace {

Plan sample_plan() {
  Plan plan;
  plan.coder = TokenCoder::kRanks;
  plan.memory_coder = MemoryCoder::kQuick;
  plan.model.weights_hash.fill(4);
  plan.inputs = {{"c", "/somewhere/c"}};
  FileEntry directory;
  directory.type = FileType::kDirectory;
  directory.path = "c";
  FileEntry file;
  file.path = "c/f";
  file.raw_bytes = 2000;
  plan.entries = {{directory, Kind::kText}, {file, Kind::kBinary}};
  plan.blocks = {{0, 1500, Kind::kBinary}, {1500, 500, Kind::kBinary}};
  return plan;
}

TEST(Plan, RoundTrip) {
  const Plan plan = sample_plan();
  const Plan again = parse_plan(serialize_plan(plan), "plan");
  EXPECT_EQ(again.coder, plan.coder);
  EXPECT_EQ(again.memory_coder, plan.memory_coder);
  EXPECT_EQ(again.block_bytes, plan.block_bytes);
  EXPECT_EQ(again.model, plan.model);
  EXPECT_EQ(again.inputs, plan.inputs);
  EXPECT_EQ(again.entries, plan.entries);
  EXPECT_EQ(again.blocks, plan.blocks);
}

TEST(Plan, SourcePathReplacesTheName) {
  const Plan plan = sample_plan();
  EXPECT_EQ(source_path(plan, plan.entries[0].file), "/somewhere/c");
  EXPECT_EQ(source_path(plan, plan.entries[1].file), "/somewhere/c/f");
}

TEST(Plan, EveryAlterationIsFound) {
  const Bytes good = serialize_plan(sample_plan());
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 0x10;
    test::expect_error(ErrorCode::kCorrupt, "plan", [&] { parse_plan(bad, "plan"); });
    test::expect_error(ErrorCode::kCorrupt, "plan", [&] { parse_plan(ByteSpan(good).first(i), "plan"); });
  }
}

}  // namespace
}  // namespace fz::shard
