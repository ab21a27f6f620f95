// fz-dist model tokenizer, as a user types it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/import.h"
#include "support/small_corpus.h"
#include "support/tool_test.h"

namespace fz {
namespace {

using test::read_text;
using test::run_tool;
using test::ToolResult;
using test::write_text;

class ModelTokenizer : public test::ToolTest {
 protected:
  ModelTokenizer() {
    for (int i = 0; i < 8; ++i) {
      write_text(fmt::format("data/prose/{}", i), test::make_text(static_cast<std::uint64_t>(i), 30'000));
    }
    for (int i = 0; i < 8; ++i) write_text(fmt::format("data/code/{}", i), "for (int i = 0; i < 8; ++i) {\n}\n");
  }
  static ToolResult train(const std::string& output, const std::vector<std::string>& more = {}) {
    return run_with({"model", "tokenizer", "data", "-o", output, "--vocabulary", "300"}, more);
  }
};

TEST_F(ModelTokenizer, MakesOneThatImports) {
  const ToolResult result = train("t.json");
  expect_success(result);
  EXPECT_TRUE(result.out.starts_with("t.json: 300 tokens from 240256 bytes of text, ")) << result.out;
  const model::TokenizerData tokenizer = model::import_tokenizer("t.json");
  EXPECT_EQ(tokenizer.tokens.size(), 300u);
  EXPECT_EQ(tokenizer.merges.size(), 300u - 257);
  const auto json = nlohmann::json::parse(read_text("t.json"));
  EXPECT_EQ(json["added_tokens"][0]["content"], "<|bos|>");
  EXPECT_EQ(json["model"]["vocab"]["<|bos|>"], 0);
}

TEST_F(ModelTokenizer, DependsOnTheDataAlone) {
  expect_success(train("one.json", {"--threads", "1", "-q"}));
  expect_success(train("three.json", {"--threads", "3", "-q"}));
  EXPECT_EQ(read_text("one.json"), read_text("three.json"));
  ASSERT_EQ(std::system("tar -C data -cJf data.tar.xz code prose"), 0);
  expect_success(run_tool({"model", "tokenizer", "data.tar.xz", "-o", "tar.json", "--vocabulary", "300", "-q"}));
  EXPECT_EQ(read_text("one.json"), read_text("tar.json"));
}

TEST_F(ModelTokenizer, WeightsSamplesAndPatternsCount) {
  expect_success(train("plain.json"));
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--weight", "code=500"}, {"--sample", "64KiB"}, {"--pattern", "\\p{L}+|[^\\p{L}]+"}}) {
    SCOPED_TRACE(options.front());
    expect_success(train("other.json", options));
    EXPECT_NE(read_text("plain.json"), read_text("other.json"));
    std::filesystem::remove("other.json");
  }
  expect_success(train("same.json", {"--sample", "1MB", "--weight", "prose=1"}));
  EXPECT_EQ(read_text("plain.json"), read_text("same.json"));
  expect_success(train("two.json", {"--pattern", "\\s+", "--pattern", "\\p{N}"}));
  const auto parts = nlohmann::json::parse(read_text("two.json"))["pre_tokenizer"]["pretokenizers"];
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[1]["pattern"]["Regex"], "\\p{N}");
}

TEST_F(ModelTokenizer, NeverReplacesUnasked) {
  write_text("t.json", "mine");
  expect_failure(train("t.json"), 4, "t.json: exists already; pass --force to replace it");
  EXPECT_EQ(read_text("t.json"), "mine");
  expect_success(train("t.json", {"--force", "-q"}));
  EXPECT_NE(read_text("t.json"), "mine");
}

TEST_F(ModelTokenizer, SaysWhatIsWrong) {
  expect_failure(train("t.json", {"absent"}), 3, "absent: cannot open");
  expect_failure(train("t.json", {"--pattern", "("}), 2, "--pattern: tokenizer: pattern does not compile");
  for (const char* weight : {"code", "=1", "code=", "code=-1", "code=1x", "code=nan", "code=1001"}) {
    expect_failure(train("t.json", {"--weight", weight}), 2, "is not CATEGORY=W with W from 0 to 1000");
  }
  expect_failure(train("t.json", {"--weight", "code=1", "--weight", "code=2"}), 2, "two weights of one category");
  expect_failure(run_tool({"model", "tokenizer", "data", "-o", "t.json", "--vocabulary", "256"}), 2, "--vocabulary");
  write_text("bad.tar", "no archive");
  expect_failure(train("t.json", {"bad.tar"}), 5, "bad.tar: not a tar archive");
  std::filesystem::create_directory("hollow");
  expect_failure(run_tool({"model", "tokenizer", "hollow", "-o", "t.json"}), 3, "there is no text");
  EXPECT_FALSE(std::filesystem::exists("t.json"));
  const ToolResult warned = train("t.json", {"--weight", "kode=2"});
  expect_success(warned);
  EXPECT_NE(warned.err.find("no text has the category 'kode'"), std::string::npos) << warned.err;
  const ToolResult few = run_tool({"model", "tokenizer", "data/code/1", "-o", "few.json"});
  expect_success(few);
  EXPECT_NE(few.err.find("tokens, not 8192: nothing else occurs twice"), std::string::npos) << few.err;
}

}  // namespace
}  // namespace fz
