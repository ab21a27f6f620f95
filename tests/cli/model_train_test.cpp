// fz-dist model train, as a user types it, on a model of a few thousand parameters.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/model_file.h"
#include "model/train/load_trainer.h"
#include "support/tool_test.h"
#include "tests/unit/model/small_source.h"

namespace fz {
namespace {

using test::read_text;
using test::run_tool;
using test::write_text;

class ModelTrain : public test::ToolTest {
 protected:
  void SetUp() override {
    if (!model::has_trainer()) GTEST_SKIP() << "libfz_train.so is not beside the tests: this build has no LibTorch";
    for (int i = 0; i < 150; ++i) {
      std::string text;
      for (int line = 0; line < 10; ++line) text += fmt::format("line {} of document {} says hello to all\n", line, i);
      write_text(fmt::format("texts/{}.txt", i), text);
    }
    expect_success(run_tool({"model", "tokenizer", "texts", "-o", "t.json", "--vocabulary", "300", "-q"}));
  }

  static test::ToolResult train(const std::string& output, const std::vector<std::string>& more) {
    return run_with({"model", "train",     "texts", "-o",      output, "--tokenizer",          "t.json", "--width",
                     "16",    "--layers",  "1",     "--heads", "2",    "--kv-heads",           "1",      "--head-width",
                     "8",     "--context", "32",    "--batch", "8",    "--feed-forward-width", "24",     "--threads",
                     "1",     "--seed",    "3"},
                    more);
  }
  static nlohmann::json last_event(const std::string& lines) {
    return nlohmann::json::parse(lines.substr(lines.rfind('\n', lines.size() - 2) + 1));
  }
};

TEST_F(ModelTrain, MakesADirectoryAndAModelThatLosesHardlyAnything) {
  const test::ToolResult result = train("out", {"--budget", "60ktok", "--rate", "0.01", "--progress", "json"});
  expect_success(result);
  const nlohmann::json end = last_event(result.err);
  ASSERT_EQ(end["event"], "end") << result.err;
  const double held_out_bits = end["held_out_bits"];
  EXPECT_GT(held_out_bits, 0);
  EXPECT_LT(held_out_bits, 6) << "8.2 bits are what no model at all has";
  EXPECT_NEAR(end["exact_held_out_bits"], held_out_bits, 0.005 * held_out_bits);
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors", "model.fzm"})
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::path("out") / name)) << name;
  EXPECT_FALSE(std::filesystem::exists("out.training"));
  // What `model import` makes of the directory is the very model.
  expect_success(run_tool({"model", "import", "out", "-o", "again.fzm", "--context", "32"}));
  EXPECT_EQ(model::load_model("again.fzm")->weights_hash, model::load_model("out/model.fzm")->weights_hash);
  EXPECT_EQ(end["weights_hash"], to_hex(model::load_model("out/model.fzm")->weights_hash));
}

TEST_F(ModelTrain, GoesOnFromAnotherModel) {
  expect_success(train("first", {"--budget", "20ktok", "-q"}));
  const auto go_on = [](const std::string& from, const std::string& output) {
    expect_success(run_tool({"model", "train", "texts", "-o", output, "--begin", from, "--context", "32", "--budget",
                             "4ktok", "--threads", "1", "--progress", "json"}));
  };
  go_on("first", "second");
  EXPECT_NE(read_text("first/model.safetensors"), read_text("second/model.safetensors"));
  EXPECT_EQ(read_text("first/tokenizer.json"), read_text("second/tokenizer.json"));
  // A model file says the same but for what rounding has taken.
  go_on("first/model.fzm", "third");
  EXPECT_EQ(model::load_model("third/model.fzm")->tokenizer_hash,
            model::load_model("second/model.fzm")->tokenizer_hash);
  EXPECT_NE(model::load_model("third/model.fzm")->weights_hash, model::load_model("first/model.fzm")->weights_hash);
  expect_failure(run_tool({"model", "train", "texts", "-o", "x", "--begin", "missing", "--budget", "1ktok"}), 3,
                 "missing: cannot open");
}

TEST_F(ModelTrain, GoesOnFromADirectoryWithRowsThatBelongToNoToken) {
  const model::TestDirectory padded;
  model::Source().write_to(padded);
  expect_success(run_tool(
      {"model", "train", "texts", "-o", "out", "--begin", padded.path(), "--budget", "1ktok", "--threads", "1", "-q"}));
  EXPECT_EQ(model::load_model("out/model.fzm")->config.vocabulary_size, 259u);
}

TEST_F(ModelTrain, GoesOnWithAnotherTokenizer) {
  expect_success(train("first", {"--budget", "20ktok", "-q"}));
  expect_success(run_tool({"model", "tokenizer", "texts", "-o", "larger.json", "--vocabulary", "310", "-q"}));
  const test::ToolResult result =
      run_tool({"model", "train", "texts", "-o", "second", "--begin", "first/model.fzm", "--tokenizer", "larger.json",
                "--context", "32", "--budget", "4ktok", "--threads", "1", "--progress", "json"});
  expect_success(result);
  EXPECT_EQ(read_text("second/tokenizer.json"), read_text("larger.json"));
  EXPECT_EQ(model::load_model("second/model.fzm")->config.vocabulary_size, 310u);
  EXPECT_LT(double{last_event(result.err)["held_out_bits"]}, 6) << "it has forgotten what it knew";
}

TEST_F(ModelTrain, RefusesWhatIsThereAndOtherOptions) {
  write_text("out/mine", "kept");
  expect_failure(train("out", {"--budget", "1ktok"}), 4, "out: exists already");
  EXPECT_EQ(read_text("out/mine"), "kept");
  // An unfinished training: what it was begun with, and a checkpoint that is damaged.
  for (const char* name : {"lock", "options", "checkpoint"}) write_text(std::string("new.training/") + name, "other");
  expect_failure(train("new", {"--budget", "1ktok"}), 3, "begun with other options");
  expect_success(train("whole", {"--budget", "2ktok", "-q"}));
  expect_failure(run_tool({"model", "train", "texts", "-o", "x", "--budget", "1ktok"}), 2, "--tokenizer");
  expect_failure(train("x", {"--budget", "soon"}), 2, "--budget");
}

TEST_F(ModelTrain, AMistakeLeavesNothingBehind) {
  const auto mistaken = [](const std::string& text, const std::string& tokenizer, const std::string& kv_heads = "4") {
    return run_tool({"model", "train", text, "-o", "out", "--tokenizer", tokenizer, "--kv-heads", kv_heads, "--budget",
                     "1ktok", "-q"});
  };
  expect_failure(mistaken("absent", "t.json"), 3, "absent: cannot open");
  expect_failure(mistaken("texts", "absent.json"), 3, "absent.json: cannot open");
  expect_failure(mistaken("texts", "t.json", "3"), 2, "kv_heads is 3");
  EXPECT_FALSE(std::filesystem::exists("out.training"));
  // Data whose directory happens to be called so.
  write_text("out.training/1.txt", "a novel");
  expect_failure(mistaken("out.training", "t.json"), 4, "is not the directory of an unfinished training");
  EXPECT_EQ(read_text("out.training/1.txt"), "a novel");
}

}  // namespace
}  // namespace fz
