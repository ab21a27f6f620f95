// compress --shard and merge, as a user types them.
#include <gtest/gtest.h>

#include "coordinator/job_directory.h"
#include "support/small_corpus.h"
#include "support/tool_test.h"

namespace fz {
namespace {

using test::run_tool;
using test::ToolResult;

class Shards : public test::ToolTest {
 protected:
  Shards() {
    test::write_text("c/a.txt", test::make_text(1, 200'000));
    test::write_text("c/sub/b.txt", test::make_text(2, 100'000));
    test::write_text("c/sub/noise", test::make_noise(3, 70'000));
    expect_success(compress("plain.fz", {}));
    reference_ = test::read_text("plain.fz");
  }

  static ToolResult compress(const std::string& output, const std::vector<std::string>& more) {
    return run_with({"compress", "c", "-o", output, "--block-size", "64KiB"}, more);
  }
  static ToolResult shard(const std::string& part) { return compress("x.fz", {"--shard", part}); }
  void expect_reference() const {
    EXPECT_TRUE(test::read_text("x.fz") == reference_);
    EXPECT_FALSE(std::filesystem::exists("x.fz.job"));
  }

  std::string reference_;
};

TEST_F(Shards, MakeTheSameArchiveAndMergeNeedsNoModelAndNoInputs) {
  const ToolResult first = shard("1/3");
  expect_success(first);
  EXPECT_NE(first.out.find("x.fz: shard 1/3 is finished: 3 of 7 blocks"), std::string::npos) << first.out;
  EXPECT_NE(first.out.find("after all shards: fz-dist merge x.fz"), std::string::npos) << first.out;
  EXPECT_FALSE(std::filesystem::exists("x.fz"));
  expect_success(shard("3/3"));
  expect_success(shard("2/3"));
  std::filesystem::rename("c", "elsewhere");
  const ToolResult merged = run_tool({"merge", "x.fz"}, 0);
  expect_success(merged);
  EXPECT_NE(merged.out.find("x.fz: 370000 -> "), std::string::npos) << merged.out;
  expect_reference();
  expect_success(run_tool({"verify", "x.fz"}));
}

TEST_F(Shards, MoreShardsThanBlocks) {
  for (int i = 1; i <= 9; ++i) expect_success(shard(fmt::format("{}/9", i)));
  EXPECT_NE(shard("9/9").out.find("shard 9/9 is finished: 0 of 7 blocks"), std::string::npos);
  expect_success(run_tool({"merge", "x.fz", "-q"}));
  expect_reference();
}

TEST_F(Shards, MergeNamesWhatIsMissing) {
  expect_failure(run_tool({"merge", "x.fz"}), 3, "x.fz.job: no run has begun");
  EXPECT_FALSE(std::filesystem::exists("x.fz.job"));
  expect_success(shard("2/4"));
  expect_failure(run_tool({"merge", "x.fz"}), 3,
                 "x.fz: 5 of 7 blocks are missing: run shards 1, 3, 4 of 4 again, or compress without --shard");
  expect_success(shard("1/4"));
  expect_success(shard("3/4"));
  expect_success(shard("8/1000"));  // another division, of which little was begun
  expect_failure(run_tool({"merge", "x.fz"}), 3, "x.fz: 1 of 7 blocks are missing: run shard 4 of 4 again");
  const ToolResult rest = compress("x.fz", {});
  expect_success(rest);
  EXPECT_NE(rest.err.find("x.fz: resuming: 6 of 7 blocks are there"), std::string::npos) << rest.err;
  expect_reference();
  expect_failure(run_tool({"merge", "x.fz"}), 4, "x.fz: exists already, and there is no unfinished run of it");
}

TEST_F(Shards, LongListsOfShardsAreCut) {
  test::write_text("c/large", std::string(64'000'000, 'a'));
  expect_success(run_tool({"compress", "c", "-o", "y.fz", "--block-size", "64KiB", "--shard", "2/30000"}));
  const ToolResult merged = run_tool({"merge", "y.fz"});
  expect_failure(merged, 3, "run shards 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and ");
  EXPECT_LT(merged.err.size(), 250u);
}

TEST_F(Shards, WhatDiffersIsRefused) {
  expect_success(shard("1/2"));
  expect_failure(compress("x.fz", {"--shard", "2/2", "--coder", "range"}), 3, "it was begun with another --coder");
  expect_failure(compress("x.fz", {"--shard", "2/2", "--model", "other.fzm"}), 3, "it was begun with another model");
  test::write_text("c/new", "new");
  expect_failure(shard("2/2"), 3, "c/new is new since it was begun");
  expect_failure(compress("x.fz", {"--shard", "2/2", "--force"}), 3, "c/new is new since it was begun");
  std::filesystem::remove("c/new");
  expect_success(shard("2/2"));
  expect_success(run_tool({"merge", "x.fz"}));
  expect_reference();
}

TEST_F(Shards, ANewerProgramGoesOnWithTheModelThatWasBegunWith) {
  expect_success(shard("1/2"));
  std::vector<std::string> rest = {"compress", "c", "-o", "x.fz", "--block-size", "64KiB"};
  const ToolResult rested = run_tool(rest, 2);
  EXPECT_EQ(rested.exit_code, 0) << rested.err;
  EXPECT_NE(rested.err.find("x.fz: resuming:"), std::string::npos) << rested.err;
  expect_reference();
}

TEST_F(Shards, ExistingArchivesAreKeptUnlessForced) {
  test::write_text("x.fz", "precious");
  expect_failure(shard("1/1"), 4, "x.fz: exists already; pass --force");
  expect_success(compress("x.fz", {"--shard", "1/1", "--force"}));
  expect_failure(run_tool({"merge", "x.fz"}), 4, "x.fz: exists already; pass --force");
  EXPECT_EQ(test::read_text("x.fz"), "precious");
  expect_success(run_tool({"merge", "x.fz", "--force"}));
  expect_reference();
}

TEST_F(Shards, LocksKeepRunsApart) {
  expect_success(shard("1/2"));
  {
    const coordinator::JobDirectory other_shard("x.fz.job", Part{2, 2});
    expect_failure(shard("2/2"), 8, "x.fz.job: shard 2/2 is being made by another run");
    expect_failure(run_tool({"merge", "x.fz"}), 8, "x.fz.job: shards of this archive are being made");
    expect_failure(compress("x.fz", {}), 8, "x.fz.job: shards of this archive are being made");
    expect_failure(compress("x.fz", {"--force"}), 8, "x.fz.job: shards of this archive are being made");
    expect_success(shard("1/2"));
  }
  {
    const coordinator::JobDirectory whole("x.fz.job");
    expect_failure(shard("2/2"), 8, "x.fz.job: another run is making this archive");
    expect_failure(run_tool({"merge", "x.fz"}), 8, "x.fz.job: another run is making this archive");
  }
  expect_success(shard("2/2"));
  expect_success(run_tool({"merge", "x.fz"}));
  expect_reference();
}

TEST_F(Shards, DamageIsNamedAndMadeAgain) {
  for (const char* part : {"1/2", "2/2"}) expect_success(shard(part));
  const std::string shard_file = "x.fz.job/shard-2-of-2-1-0";
  std::string bytes = test::read_text(shard_file);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  test::write_text(shard_file, bytes);
  const ToolResult merged = run_tool({"merge", "x.fz"});
  EXPECT_EQ(merged.exit_code, 3);
  EXPECT_NE(merged.err.find("must be made again"), std::string::npos) << merged.err;
  EXPECT_NE(merged.err.find("1 of 7 blocks are missing: run shard 2 of 2 again"), std::string::npos) << merged.err;
  const ToolResult again = shard("2/2");
  expect_success(again);
  EXPECT_NE(again.err.find("resuming: 2 of 3 blocks are there"), std::string::npos) << again.err;
  test::write_text("x.fz.job/journal-1-of-2", "not ours at all");
  expect_failure(shard("1/2"), 5, "journal-1-of-2: not a journal of this version; remove it");
  std::filesystem::remove("x.fz.job/journal-1-of-2");
  expect_success(shard("1/2"));
  expect_success(run_tool({"merge", "x.fz"}));
  expect_reference();
}

TEST_F(Shards, UsageErrors) {
  for (const char* part : {"0/2", "3/2", "2", "1/0", "a/b", ""}) expect_failure(shard(part), 2, "--shard: ");
  expect_failure(run_tool({"merge"}), 2, "ARCHIVE");
  expect_failure(run_tool({"merge", "c"}), 4, "c: is not a plain file");
  expect_success(run_tool({"merge", "--help"}));
}

TEST_F(Shards, JobFiles) {
  test::write_text("shard.yaml", "command: compress\ninputs: [c]\noutput: x.fz\nblock-size: 64KiB\nshard: 1/2\n");
  test::write_text("merge.yaml", "command: merge\narchive: x.fz\nquiet: true\n");
  expect_success(run_tool({"run", "shard.yaml"}));
  expect_success(run_tool({"run", "shard.yaml", "--shard", "2/2"}));
  expect_success(run_tool({"run", "merge.yaml"}));
  expect_reference();
  test::write_text("bad.yaml", "command: compress\ninputs: [c]\nshard: 3/2\n");
  expect_failure(run_tool({"run", "bad.yaml"}), 2, "bad.yaml:3:8: 'shard': '3/2' is not I/N");
}

}  // namespace
}  // namespace fz
