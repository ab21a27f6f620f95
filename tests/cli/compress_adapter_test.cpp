// compress --adapter and the archives that it makes, as a user types them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "shard/archive_reader.h"
#include "shard/job_adapter.h"
#include "support/expect_error.h"
#include "support/run_tool.h"
#include "support/small_adapter.h"
#include "support/small_corpus.h"
#include "support/temporary_directory.h"

namespace fz {
namespace {

using test::read_text;
using test::run_tool;
using test::ToolResult;
using test::write_text;

class CompressAdapter : public testing::Test {
 protected:
  CompressAdapter() : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(directory_.path());
    write_text("c/a.txt", test::make_text(1, 200'000));
    write_text("c/sub/noise", test::make_noise(3, 70'000));
    write_adapter("one.fza", 1);
    write_adapter("two.fza", 2);
  }
  ~CompressAdapter() override { std::filesystem::current_path(before_); }

  static void write_adapter(const std::string& path, std::uint32_t seed, std::uint8_t weights = 1) {
    write_text(path, std::string(as_string_view(test::small_adapter(seed, weights))));
  }
  static ToolResult compress(const std::string& output, const std::vector<std::string>& more) {
    std::vector<std::string> words = {"compress", "c", "-o", output, "--block-size", "64KiB"};
    words.insert(words.end(), more.begin(), more.end());
    return run_tool(words);
  }
  static void expect_failure(const ToolResult& result, int exit_code, const std::string& text) {
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_NE(result.err.find(text), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
  static void expect_success(const ToolResult& result) { EXPECT_EQ(result.exit_code, 0) << result.err; }
  static void expect_said(const std::string& out, const std::string& text) {
    EXPECT_NE(out.find(text), std::string::npos) << out;
  }
  static void expect_restores(const std::string& archive) {
    std::filesystem::remove_all("out");
    expect_success(run_tool({"decompress", archive, "-o", "out", "-q"}));
    EXPECT_TRUE(read_text("out/c/a.txt") == read_text("c/a.txt"));
    EXPECT_TRUE(read_text("out/c/sub/noise") == read_text("c/sub/noise"));
  }
  /// bad.fz: x.fz with one byte changed.
  static void damage(std::size_t offset) {
    std::string bytes = read_text("x.fz");
    bytes[offset] = static_cast<char>(bytes[offset] ^ 0x20);
    write_text("bad.fz", bytes);
  }

  test::TemporaryDirectory directory_;
  std::filesystem::path before_;
};

TEST_F(CompressAdapter, IsInTheArchiveAndIsUsedToDecode) {
  expect_success(compress("x.fz", {"--adapter", "one.fza", "--check-decode"}));
  const shard::ArchiveReader archive("x.fz");
  EXPECT_EQ(archive.header().format_version, 7);
  EXPECT_EQ(archive.header().adapter_bytes, std::filesystem::file_size("one.fza"));
  EXPECT_EQ(archive.read_adapter(), test::small_adapter(1));
  expect_restores("x.fz");
  expect_success(run_tool({"verify", "x.fz"}));
  expect_success(run_tool({"verify", "--quick", "x.fz"}, 0));
  expect_success(run_tool({"extract", "x.fz", "c/a.txt", "-o", "only", "-q"}));
  EXPECT_TRUE(read_text("only/c/a.txt") == read_text("c/a.txt"));
  const std::string size = std::to_string(archive.header().adapter_bytes);
  expect_said(run_tool({"info", "x.fz"}, 0).out,
              "adapter        " + size + " bytes, rank 2, at query_key_value, down\n");
  const auto report = nlohmann::json::parse(run_tool({"info", "x.fz", "--json"}, 0).out);
  EXPECT_EQ(report["adapter"]["bytes"], archive.header().adapter_bytes);
  EXPECT_EQ(report["adapter"]["rank"], 2);
  EXPECT_EQ(report["adapter"]["targets"], "query_key_value, down");
  expect_success(compress("plain.fz", {}));
  EXPECT_TRUE(nlohmann::json::parse(run_tool({"info", "plain.fz", "--json"}, 0).out)["adapter"].is_null());
  EXPECT_EQ(shard::ArchiveReader("plain.fz").header().format_version, 7);
}

TEST_F(CompressAdapter, InfoMeasuresWhatItSaves) {
  expect_success(compress("x.fz", {"--adapter", "one.fza"}));
  expect_success(compress("plain.fz", {}));
  const auto payload_bytes = [](const std::string& path) {
    const shard::ArchiveReader archive(path);
    std::uint64_t bytes = 0;
    for (const shard::IndexedBlock& block : archive.blocks()) {
      if (shard::needs_model(block.codec)) bytes += block.payload_bytes;
    }
    return bytes;
  };
  const ToolResult report = run_tool({"info", "x.fz", "--json", "--saving", "100"});
  expect_success(report);
  const auto saving = nlohmann::json::parse(report.out)["adapter"]["saving"];
  EXPECT_EQ(saving["with_bytes"], payload_bytes("x.fz"));
  EXPECT_EQ(saving["without_bytes"], payload_bytes("plain.fz"));
  const auto saved =
      static_cast<std::int64_t>(payload_bytes("plain.fz")) - static_cast<std::int64_t>(payload_bytes("x.fz"));
  EXPECT_NEAR(static_cast<double>(saving["saved_bytes"]), static_cast<double>(saved), 1);
  const ToolResult text = run_tool({"info", "x.fz", "--saving", "1"});
  expect_success(text);
  expect_said(text.out, "of 1 of 4 blocks): the archive is ");
  expect_success(run_tool({"info", "plain.fz", "--saving", "1"}));
}

TEST_F(CompressAdapter, IsLeftOutWhereTheModelWinsNoBlock) {
  expect_success(run_tool({"compress", "c/sub", "-o", "x.fz", "--adapter", "one.fza"}));
  EXPECT_FALSE(shard::ArchiveReader("x.fz").has_adapter());
  EXPECT_FALSE(std::filesystem::exists("x.fz.job"));
}

TEST_F(CompressAdapter, AWrongOneIsRefusedBeforeAnythingIsWritten) {
  write_adapter("other.fza", 1, 9);
  expect_failure(compress("x.fz", {"--adapter", "other.fza"}), 6, "other.fza: the adapter is for another model");
  std::string damaged = read_text("one.fza");
  damaged[60] ^= 1;
  write_text("damaged.fza", damaged);
  expect_failure(compress("x.fz", {"--adapter", "damaged.fza"}), 5, "damaged.fza: the adapter is damaged");
  expect_failure(compress("x.fz", {"--adapter", "c/a.txt"}), 5, "c/a.txt: not an adapter");
  expect_failure(compress("x.fz", {"--adapter", "absent.fza"}), 3, "absent.fza");
  expect_failure(compress("x.fz", {"--adapter", "one.fza", "--model", "none"}), 2, "--adapter");
  EXPECT_FALSE(std::filesystem::exists("x.fz"));
  EXPECT_FALSE(std::filesystem::exists("x.fz.job"));
}

TEST_F(CompressAdapter, ShardsShareItAndAnotherOneIsRefused) {
  expect_success(compress("whole.fz", {"--adapter", "one.fza"}));
  const auto shard = [](const std::string& part, const std::string& adapter) {
    return compress("x.fz", {"--shard", part, "--adapter", adapter});
  };
  expect_success(shard("1/2", "one.fza"));
  EXPECT_TRUE(std::filesystem::exists("x.fz.job/adapter"));
  expect_failure(shard("2/2", "two.fza"), 3, "it was begun with another --adapter");
  expect_failure(compress("x.fz", {"--shard", "2/2"}), 3, "it was begun with another --adapter");
  // A whole run goes on with what the shard has left, if it is given the same adapter.
  expect_failure(compress("x.fz", {}), 3, "it was begun with another --adapter");
  expect_success(shard("2/2", "one.fza"));
  expect_success(run_tool({"merge", "x.fz", "-q"}, 0));
  EXPECT_TRUE(read_text("x.fz") == read_text("whole.fz"));
  EXPECT_FALSE(std::filesystem::exists("x.fz.job"));
}

TEST_F(CompressAdapter, OfAJobThatIsDamagedIsWrittenAgainAndNeverGoneWithout) {
  expect_success(compress("x.fz", {"--shard", "1/2", "--adapter", "one.fza"}));
  const std::string whole = read_text("x.fz.job/adapter");
  write_text("x.fz.job/adapter", whole.substr(0, whole.size() - 1));
  const shard::Plan plan = shard::read_plan("x.fz.job");
  EXPECT_FALSE(shard::read_job_adapter("x.fz.job", plan));
  test::expect_error(ErrorCode::kInput, "lost or damaged", [&] { shard::adapter_of_job("x.fz.job", plan); });
  expect_success(compress("x.fz", {"--shard", "2/2", "--adapter", "one.fza"}));
  EXPECT_TRUE(read_text("x.fz.job/adapter") == whole);
  expect_success(run_tool({"merge", "x.fz", "-q"}, 0));
  expect_restores("x.fz");
}

TEST_F(CompressAdapter, OfAJobIsWrittenOnceAndMayBeNone) {
  expect_success(compress("x.fz", {"--shard", "1/2"}));
  const shard::Plan plan = shard::read_plan("x.fz.job");
  EXPECT_FALSE(shard::read_job_adapter("x.fz.job", plan));
  shard::write_job_adapter("x.fz.job", plan, {});
  EXPECT_EQ(shard::read_job_adapter("x.fz.job", plan), Bytes());
  shard::write_job_adapter("x.fz.job", plan, test::small_adapter(1));
  EXPECT_EQ(shard::read_job_adapter("x.fz.job", plan), Bytes());
  shard::Plan other = plan;
  other.lane_limit = 1;
  EXPECT_FALSE(shard::read_job_adapter("x.fz.job", other));
  test::expect_error(ErrorCode::kInput, "lost or damaged", [&] { shard::adapter_of_job("x.fz.job", other); });
  shard::write_job_adapter("x.fz.job", other, test::small_adapter(1));
  EXPECT_EQ(shard::read_job_adapter("x.fz.job", other), test::small_adapter(1));
}

TEST_F(CompressAdapter, DryRunCountsIt) {
  const auto estimated = [](std::vector<std::string> more) {
    more.push_back("--dry-run");
    const ToolResult result = compress("x.fz", more);
    expect_success(result);
    const std::size_t begin = result.out.find("about ") + 6;
    return std::stoll(result.out.substr(begin));
  };
  EXPECT_EQ(estimated({"--adapter", "one.fza"}) - estimated({}),
            static_cast<long long>(std::filesystem::file_size("one.fza")));
  EXPECT_FALSE(std::filesystem::exists("x.fz.job"));
}

TEST_F(CompressAdapter, DamageToItIsFoundAndLosesWhatTheModelCoded) {
  expect_success(compress("x.fz", {"--adapter", "one.fza"}));
  damage(shard::kHeaderBytes + 70);
  expect_failure(run_tool({"verify", "--quick", "bad.fz"}, 0), 5, "the adapter is damaged");
  expect_failure(run_tool({"verify", "bad.fz"}), 5, "the adapter is damaged");
  expect_failure(run_tool({"decompress", "bad.fz", "-o", "out", "-q"}), 5, "the adapter is damaged");
  expect_success(run_tool({"list", "bad.fz"}, 0));
  expect_success(run_tool({"extract", "bad.fz", "c/sub/noise", "-o", "noise", "-q"}, 0));
  const ToolResult result = run_tool({"recover", "bad.fz", "-o", "new.fz"}, 0);
  expect_failure(result, 5, "the adapter is lost");
  expect_said(result.out, "bad.fz: the adapter is damaged: no block that was coded by the model can be decoded");
  EXPECT_EQ(nlohmann::json::parse(run_tool({"recover", "bad.fz", "-n", "--json"}, 0).out)["adapter"], "lost");
  EXPECT_FALSE(shard::ArchiveReader("new.fz").has_adapter());
  EXPECT_FALSE(shard::ArchiveReader("new.fz").needs_model());
  expect_success(run_tool({"extract", "new.fz", "c/sub/noise", "-o", "saved", "-q"}, 0));
  EXPECT_TRUE(read_text("saved/c/sub/noise") == read_text("c/sub/noise"));
}

TEST_F(CompressAdapter, RecoverCarriesItOver) {
  expect_success(compress("x.fz", {"--adapter", "one.fza"}));
  const std::string whole = read_text("x.fz");
  const auto recovered = [&](const std::string& bad, std::uint8_t weights) {
    write_text("bad.fz", bad);
    expect_success(run_tool({"recover", "bad.fz", "-o", "new.fz", "--force", "-q"}, weights));
    return read_text("new.fz");
  };
  const shard::ArchiveReader archive("x.fz");
  const std::size_t footer = whole.size() - shard::kFooterBytes;
  const std::size_t index = footer - archive.footer().index_bytes;
  EXPECT_TRUE(recovered(whole, 0) == whole);
  for (const std::size_t offset : {index + 3, footer + 3, std::size_t{40}}) {
    std::string bad = whole;
    bad[offset] ^= 0x20;
    // Where the header is lost, the model is found by trial, with the adapter.
    EXPECT_TRUE(recovered(bad, offset == 40 ? 1 : 0) == whole) << offset;
  }
  std::string both = whole;
  both[40] ^= 0x20;
  both[index + 3] ^= 0x20;
  EXPECT_TRUE(recovered(both, 1) == whole);
  EXPECT_TRUE(recovered("something before it" + whole, 0) == whole);
  EXPECT_EQ(nlohmann::json::parse(run_tool({"recover", "x.fz", "-n", "--json"}, 0).out)["adapter"], "intact");
  // One lost block: what the model coded stays.
  std::string block = whole;
  block[archive.blocks()[1].file_offset + 60] ^= 0x20;
  write_text("bad.fz", block);
  expect_failure(run_tool({"recover", "bad.fz", "-o", "new.fz", "--force", "-q"}, 0), 5, "1 block lost");
  EXPECT_EQ(shard::ArchiveReader("new.fz").read_adapter(), test::small_adapter(1));
  expect_success(run_tool({"verify", "new.fz"}));
}

TEST_F(CompressAdapter, WithoutTheHeaderADamagedAdapterIsNotGoneWithout) {
  expect_success(compress("x.fz", {"--adapter", "one.fza"}));
  std::string bad = read_text("x.fz");
  bad[40] ^= 0x20;
  bad[shard::kHeaderBytes + 70] ^= 0x20;
  write_text("bad.fz", bad);
  expect_failure(run_tool({"recover", "bad.fz", "-o", "new.fz"}), 6, "no model at hand decodes block");
  expect_failure(run_tool({"recover", "bad.fz", "-o", "new.fz", "--model", "none"}, 0), 5, "blocks lost");
  expect_success(run_tool({"verify", "new.fz"}, 0));
}

}  // namespace
}  // namespace fz
