// fz-dist status: what a running or dead job says of itself, and that it is not disturbed.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "coordinator/compress_job.h"
#include "shard/corpus_reader.h"
#include "support/tool_test.h"

namespace fz {
namespace {

using nlohmann::json;
using test::run_tool;
using test::ToolResult;

class Status : public test::ToolTest {
 protected:
  Status() {
    test::write_text("c/a.txt", test::make_text(1, 100'000));
    test::write_text("c/noise", test::make_noise(3, 70'000));
  }

  static coordinator::CompressRequest request() {
    coordinator::CompressRequest request;
    request.inputs = {"c"};
    request.output = "c.fz";
    request.options.block_bytes = shard::kMinBlockBytes;
    request.choose_model = [](const shard::ModelIdentity&) {
      return coordinator::ModelChoice{test::FakeTextCodec().identity()};
    };
    request.warn = [](const std::string&) {};
    return request;
  }
  /// As a worker would: the block is coded, stored and journalled.
  static void finish_block(coordinator::CompressJob& job, shard::ShardWriter& writer, std::uint32_t id) {
    const shard::PlanBlock& range = job.plan().blocks[id];
    shard::StoredBlock block;
    block.payload = shard::CorpusReader(job.plan()).read(range);
    block.header.id = BlockId{id};
    block.header.raw_offset = range.raw_offset;
    block.header.raw_bytes = block.header.payload_bytes = range.raw_bytes;
    block.header.raw_hash = shard::hash16(block.payload);
    block.header.payload_check = shard::check8(block.payload);
    const shard::BlockPlace place = writer.append(block);
    const std::pair<Rank, comm::BlockDone> done = {Rank{0}, {BlockId{id}, place.offset_bytes, place.stored_bytes}};
    job.commit({&done, 1});
  }
  static json status(const std::string& path = "c.fz") {
    const ToolResult result = run_tool({"status", path, "--json"}, 0);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out);
  }
  static std::map<std::string, std::string> job_files() {
    std::map<std::string, std::string> files;
    for (const auto& item : std::filesystem::directory_iterator("c.fz.job")) {
      files[item.path().filename()] = test::read_text(item.path());
    }
    return files;
  }
};

TEST_F(Status, AJobFromItsBeginningToItsEnd) {
  const ToolResult nothing = run_tool({"status", "c.fz"});
  EXPECT_EQ(nothing.exit_code, 3);
  EXPECT_NE(nothing.err.find("neither an unfinished job nor an archive"), std::string::npos);
  {
    coordinator::CompressJob job(request());
    EXPECT_EQ(status()["state"], "running");
    EXPECT_EQ(status()["done_blocks"], 0);
    shard::ShardWriter writer("c.fz.job", {}, job.begin().run, Rank{0});
    finish_block(job, writer, 0);
    finish_block(job, writer, 2);
    const auto before = job_files();
    const json now = status("c.fz.job/");
    EXPECT_EQ(now["state"], "running");
    EXPECT_EQ(now["total_bytes"], 170'000);
    EXPECT_EQ(now["total_blocks"], 4);
    EXPECT_EQ(now["done_blocks"], 2);
    EXPECT_EQ(now["done_bytes"], 85'000);
    EXPECT_EQ(now["stored_bytes"], 85'000 + 2 * 56);
    EXPECT_EQ(now["runs"], 1);
    EXPECT_EQ(now["model"]["weights_hash"].get<std::string>().substr(0, 4), "0101");
    EXPECT_EQ(job_files(), before);
  }
  const ToolResult text = run_tool({"status", "c.fz"});
  for (const char* part : {"not running, unfinished", "83.0 KiB of 166.0 KiB (50 %), 2 of 4 blocks, run 1", "ratio",
                           "weights 0101010101010101"}) {
    EXPECT_NE(text.out.find(part), std::string::npos) << text.out;
  }
  EXPECT_EQ(status()["state"], "interrupted");
  // Being asked has changed nothing: it goes on.
  const ToolResult resumed = run_tool({"compress", "c", "--block-size", "64KiB"});
  EXPECT_EQ(resumed.exit_code, 0);
  EXPECT_NE(resumed.err.find("2 of 4 blocks are there"), std::string::npos) << resumed.err;
  EXPECT_EQ(status()["state"], "finished");
  EXPECT_EQ(status("c.fz.job")["archive_bytes"], std::filesystem::file_size("c.fz"));
}

TEST_F(Status, HostileDirectoriesAreRefusedOrReadSafely) {
  {
    coordinator::CompressJob job(request());
    shard::ShardWriter writer("c.fz.job", {}, job.begin().run, Rank{0});
    finish_block(job, writer, 1);
  }
  const std::string journal = test::read_text("c.fz.job/journal");
  // A tail that is torn, or claims to be endless.
  for (const std::size_t size : {journal.size() - 1, std::size_t{5}, std::size_t{0}}) {
    test::write_text("c.fz.job/journal", journal.substr(0, size));
    EXPECT_EQ(status()["done_blocks"], 0);
    EXPECT_EQ(test::read_text("c.fz.job/journal").size(), size);  // nothing is mended
  }
  test::write_text("c.fz.job/journal", journal);
  std::filesystem::resize_file("c.fz.job/journal", std::uint64_t{1} << 40);
  EXPECT_EQ(status()["done_blocks"], 1);
  // A journal with a block that the plan does not have.
  {
    const auto plan_check = shard::plan_check(shard::read_plan("c.fz.job"));
    coordinator::Journal other("c.fz.job/journal-2-of-3", plan_check, Part{2, 3});
    other.add_blocks(
        std::vector<std::pair<BlockId, shard::BlockPlace>>{{BlockId{4'000'000'000}, {9, Rank{7}, 1, 2, Part{2, 3}}}});
    other.add_blocks(
        std::vector<std::pair<BlockId, shard::BlockPlace>>{{BlockId{0}, {1, Rank{0}, 1, 200, Part{2, 3}}}});
  }
  EXPECT_EQ(status()["done_blocks"], 2);  // each journal counts
  test::write_text("c.fz.job/journal", "something else");
  EXPECT_EQ(run_tool({"status", "c.fz"}).exit_code, 5);
  // Neither followed nor waited for.
  std::filesystem::remove("c.fz.job/journal");
  std::filesystem::create_symlink("/dev/zero", "c.fz.job/journal");
  EXPECT_EQ(status()["done_blocks"], 1);
  std::filesystem::remove("c.fz.job/lock");
  ::mkfifo("c.fz.job/lock", 0600);
  const std::string plan = test::read_text("c.fz.job/plan");
  test::write_text("c.fz.job/plan", plan.substr(0, plan.size() / 2));
  EXPECT_EQ(run_tool({"status", "c.fz"}).exit_code, 5);
  std::filesystem::remove("c.fz.job/plan");
  ::mkfifo("c.fz.job/plan", 0600);
  EXPECT_EQ(status()["is_planned"], false);
}

}  // namespace
}  // namespace fz
