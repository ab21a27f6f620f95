// compress --memorize as a user types it, with the model inside the program and LibTorch; and what is refused before
// either is needed.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "cli/memorization.h"
#include "model/train/load_trainer.h"
#include "shard/archive_reader.h"
#include "shard/job_adapter.h"
#include "support/expect_error.h"
#include "support/planned_corpus.h"
#include "support/small_adapter.h"
#include "support/tool_test.h"

namespace fz {
namespace {

using test::read_text;
using test::ToolResult;
using test::write_text;

class CompressMemorize : public test::ToolTest {
 protected:
  /// With the real parts.
  static ToolResult run_real(const std::vector<std::string>& arguments) {
    std::ostringstream out;
    std::ostringstream err;
    const int exit_code = cli::run(arguments, out, err);
    return {exit_code, out.str(), err.str()};
  }
  static ToolResult compress_real(const std::string& output, const std::vector<std::string>& more) {
    std::vector<std::string> words = {"compress", "c", "-o", output, "--threads", "2"};
    words.insert(words.end(), more.begin(), more.end());
    return run_real(words);
  }
  /// With a model that has nothing to train.
  static ToolResult compress_fake(const std::vector<std::string>& more) {
    return run_with({"compress", "c", "-o", "x.fz", "-q"}, more);
  }
  /// Of real text, on which the model wins: without a block that it has coded an archive holds no adapter.
  static void write_corpus(std::size_t size_bytes) {
    std::string text = read_text(FZ_TEST_DATA_DIR "/../../docs/numerics.md");
    ASSERT_GE(text.size(), size_bytes);
    text.resize(size_bytes);
    write_text("c/text", text);
  }
  static void expect_nothing_written() {
    EXPECT_FALSE(std::filesystem::exists("x.fz"));
    EXPECT_FALSE(std::filesystem::exists("x.fz.job"));
  }
};

TEST_F(CompressMemorize, OnPutsAnAdapterIntoTheArchive) {
  if (!model::has_trainer()) GTEST_SKIP() << "libfz_train.so is not beside the tests: this build has no LibTorch";
  write_corpus(10'000);
  const std::vector<std::string> options = {"--memorize=on", "--memorize-budget=2ktok", "--memorize-batch=2",
                                            "--memorize-rank=3", "--memorize-targets=query_key_value,down"};
  const ToolResult result = compress_real("x.fz", options);
  expect_success(result);
  // Of a single piece of text nothing is held out, and nothing is said to have been measured on it.
  EXPECT_NE((result.out + result.err).find("no text held out to measure it on"), std::string::npos) << result.err;
  EXPECT_FALSE(std::filesystem::exists("x.fz.job"));
  const auto adapter = nlohmann::json::parse(run_real({"info", "x.fz", "--json"}).out)["adapter"];
  ASSERT_TRUE(adapter.is_object());
  // As much of it as pays, and no more than was asked for.
  EXPECT_GE(adapter["rank"], 1);
  EXPECT_LE(adapter["rank"], 3);
  const std::set<std::string> possible = {"query_key_value", "down", "query_key_value, down"};
  EXPECT_TRUE(possible.contains(adapter["targets"])) << adapter["targets"];
  EXPECT_GT(adapter["bytes"], 0);
  expect_success(run_real({"decompress", "x.fz", "-o", "out", "-q"}));
  EXPECT_TRUE(read_text("out/c/text") == read_text("c/text"));
}

TEST_F(CompressMemorize, AGpuThatIsNotThereIsSaid) {
  if (!model::has_trainer()) GTEST_SKIP() << "libfz_train.so is not beside the tests: this build has no LibTorch";
  if (std::filesystem::exists("/dev/nvidiactl")) GTEST_SKIP() << "there may be a GPU here";
  write_corpus(10'000);
  const ToolResult result =
      compress_real("x.fz", {"--memorize=on", "--memorize-budget=2ktok", "--memorize-device=gpu"});
  expect_failure(result, 7, "no GPU to train on");
  EXPECT_FALSE(std::filesystem::exists("x.fz"));
}

/// The first of two ranks, under an MPI that two threads cannot use.
class WorldWithoutThreads final : public comm::World {
 public:
  Rank rank() const override { return Rank{0}; }
  int size() const override { return 2; }
  int default_threads() const override { return 1; }
  comm::CoordinatorLink& coordinator_link(comm::CoordinatorLink& local) override { return local; }
  comm::WorkerLink& worker_link() override { throw std::logic_error("not used"); }
  std::unique_ptr<comm::Collective> collective(double) override { fail(ErrorCode::kUnsupported, "MPI: one thread"); }
  void abort_all(int) override {}
  void leave() override {}
};

TEST_F(CompressMemorize, RanksThatCannotTrainTogetherGoWithoutUnlessAsked) {
  write_corpus(10'000);
  shard::Plan plan = test::plan_of("c");
  plan.memorize = "some options";
  test::FakeTextCodec codec(1);
  WorldWithoutThreads world;
  std::ostringstream out, err;
  const cli::Parts parts;
  const cli::Context context{.out = out, .err = err, .parts = parts, .world = world, .chosen = {}};
  const cli::WorkOptions work;
  cli::MemorizeOptions options;

  options.mode = "on";
  cli::Memorization asked(context, work, options);
  test::expect_error(ErrorCode::kUnsupported, "MPI: one thread; use another MPI, one rank, or --memorize off",
                     [&] { asked.make_adapter(".", plan, codec); });
  EXPECT_EQ(shard::read_job_adapter(".", plan), std::nullopt);

  options.mode = "auto";
  cli::Memorization unasked(context, work, options);
  EXPECT_TRUE(unasked.make_adapter(".", plan, codec).empty());
  EXPECT_EQ(shard::read_job_adapter(".", plan), Bytes());
  unasked.report_outcome();
  EXPECT_EQ(err.str(), "fz-dist: warning: memorization: no adapter: MPI: one thread\n");

  // What an earlier run has decided stands.
  std::filesystem::remove(shard::kAdapterName);
  const Bytes there = test::small_adapter(1);
  shard::write_job_adapter(".", plan, there);
  EXPECT_EQ(asked.make_adapter(".", plan, codec), there);
  EXPECT_EQ(unasked.make_adapter(".", plan, codec), there);
  err.str("");
  unasked.report_outcome();
  EXPECT_EQ(err.str(), "");
}

TEST_F(CompressMemorize, AutoLeavesASmallCorpusAlone) {
  write_corpus(2000);
  expect_success(compress_real("off.fz", {"--memorize", "off"}));
  expect_success(compress_real("auto.fz", {"--memorize", "auto"}));
  expect_success(compress_real("default.fz", {}));
  EXPECT_FALSE(shard::ArchiveReader("auto.fz").has_adapter());
  EXPECT_TRUE(read_text("auto.fz") == read_text("off.fz"));
  EXPECT_TRUE(read_text("default.fz") == read_text("off.fz"));
}

TEST_F(CompressMemorize, BadValuesAreRefusedByName) {
  write_corpus(1000);
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"--memorize", {"maybe", "ON", "1"}},
      {"--memorize-budget", {"10", "ktok", "0s", "-5min", "1 day", "5MB", "1e20tok", "nan s", "nanmin", "infs", ""}},
      {"--memorize-rank", {"0", "65", "-1", "x", "2.5"}},
      {"--memorize-alpha", {"0", "-1", "5000", "x"}},
      {"--memorize-targets", {"all", "query_key_value,up", "7"}},
      {"--memorize-rate", {"0", "-0.1", "2", "x"}},
      {"--memorize-batch", {"0", "5000", "x"}},
      {"--memorize-seed", {"-1", "x"}},
      {"--base-bits", {"0", "2", "16", "x"}},
  };
  for (const auto& [option, values] : cases) {
    for (const std::string& value : values) {
      SCOPED_TRACE(option + " " + value);
      expect_failure(compress_fake({option + "=" + value}), 2, option);
    }
  }
  expect_nothing_written();
}

TEST_F(CompressMemorize, OnDoesNotGoWithEverything) {
  write_corpus(1000);
  write_text("one.fza", std::string(as_string_view(test::small_adapter(1))));
  expect_failure(compress_fake({"--memorize", "on", "--shard", "1/2"}), 2, "--adapter");
  expect_failure(compress_fake({"--memorize", "on", "--adapter", "one.fza"}), 2, "--adapter");
  expect_failure(compress_fake({"--memorize", "on", "--model", "none"}), 2, "--model");
  // A model without weights to train, which is not the user's mistake.
  expect_failure(compress_fake({"--memorize", "on"}), 7, "--memorize on");
  expect_nothing_written();
  expect_success(compress_fake({"--memorize", "auto"}));
}

}  // namespace
}  // namespace fz
