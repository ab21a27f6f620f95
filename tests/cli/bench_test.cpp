// fz-dist bench: every way is measured on what it is for, a sample stands for a larger corpus, and nothing is written.
#include <map>
#include <nlohmann/json.hpp>

#include "support/small_corpus.h"
#include "support/tool_test.h"

namespace fz {
namespace {

using test::run_tool;
using test::ToolResult;

class BenchCommand : public test::ToolTest {
 protected:
  BenchCommand() {
    test::write_text("c/a.txt", test::make_text(1, 100'000));
    test::write_text("c/b.txt", test::make_text(2, 50'000));
    test::write_text("c/zeros", std::string(40'000, '\0'));
  }
  /// The measurements by their way.
  static std::map<std::string, nlohmann::json> ways_of(const nlohmann::json& result) {
    std::map<std::string, nlohmann::json> ways;
    for (const nlohmann::json& way : result["ways"]) ways[way["way"]] = way;
    return ways;
  }
};

TEST_F(BenchCommand, MeasuresEveryWayOnAllOfASmallCorpus) {
  const ToolResult result = run_tool({"bench", "c", "--json"});
  expect_success(result);
  const auto object = nlohmann::json::parse(result.out);
  EXPECT_EQ(object["text_bytes"], 150'000);
  EXPECT_EQ(object["binary_bytes"], 40'000);
  const auto ways = ways_of(object);
  EXPECT_EQ(ways.size(), 6u);
  for (const auto& [name, way] : ways) {
    SCOPED_TRACE(name);
    EXPECT_GT(way["stored_bytes"], 100);
    EXPECT_LT(way["stored_bytes"], 100'000);
    EXPECT_NEAR(way["bits_per_byte"].get<double>(), way["stored_bytes"].get<double>() * 8 / 190'000, 1e-6);
    EXPECT_GT(way["compress_bytes_per_second"], 0);
    EXPECT_GT(way["restore_bytes_per_second"], 0);
    EXPECT_GT(way["memory_bytes"], 0);
  }
  EXPECT_LT(ways.at("thorough")["stored_bytes"], ways.at("quick")["stored_bytes"]);
  EXPECT_LT(ways.at("quick")["stored_bytes"], ways.at("zstd")["stored_bytes"]);
  // What the archive holds, but for its tables.
  expect_success(run_tool({"compress", "c", "-o", "c.fz", "-q", "--model", "none"}));
  EXPECT_NEAR(static_cast<double>(std::filesystem::file_size("c.fz")), ways.at("quick")["stored_bytes"].get<double>(),
              500);
}

TEST_F(BenchCommand, ALargerCorpusIsSampled) {
  const auto object = nlohmann::json::parse(
      run_tool({"bench", "c", "--json", "--limit", "128KiB", "--ways", "zstd,quick", "--threads", "2"}).out);
  EXPECT_EQ(object["text_bytes"].get<int>() + object["binary_bytes"].get<int>(), 131072);
  EXPECT_EQ(object["pieces"], 4);
  EXPECT_EQ(object["threads"], 2);
  EXPECT_EQ(ways_of(object).size(), 2u);
}

TEST_F(BenchCommand, PrintsATableAndWritesNothing) {
  const ToolResult result = run_tool({"bench", "c/a.txt", "--model", "none"}, 0);
  expect_success(result);
  EXPECT_TRUE(result.out.starts_with("sample: 100000 bytes of text, 0 binary, in 1 pieces")) << result.out;
  for (const char* text : {"bits/byte", "compress --model none ", "--thorough", "zstd -19", "bzip2 -9"})
    EXPECT_NE(result.out.find(text), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("--coder range"), std::string::npos);
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::recursive_directory_iterator(".")) ++entries;
  EXPECT_EQ(entries, 4);                              // c and what was in it
  expect_success(run_tool({"bench", "c/zeros"}, 0));  // binary files need no model
}

TEST_F(BenchCommand, SaysWhatIsWrong) {
  expect_failure(run_tool({"bench", "c", "--ways", "mixed,quick", "--model", "none"}), 2, "--ways mixed");
  expect_failure(run_tool({"bench", "c", "--ways", "best"}), 2, "best");
  expect_failure(run_tool({"bench", "c", "--limit", "10"}), 2, "--limit");
  expect_failure(run_tool({"bench", "nothing"}), 3, "nothing");
  test::write_text("empty", "");
  expect_failure(run_tool({"bench", "empty"}), 3, "no bytes");
}

}  // namespace
}  // namespace fz
