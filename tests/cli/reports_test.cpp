// What commands report while they work: events for programs, plain lines, logs.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "support/tool_test.h"

namespace fz {
namespace {

using nlohmann::json;
using test::run_tool;
using test::ToolResult;

class Reports : public test::ToolTest {
 protected:
  Reports() {
    test::write_text("c/a.txt", test::make_text(1, 100'000));
    test::write_text("c/noise", test::make_noise(3, 70'000));
  }

  static ToolResult compress(const std::vector<std::string>& more = {}) {
    return run_with({"compress", "c", "-o", "c.fz", "--block-size", "64KiB"}, more);
  }
  /// Every line of standard error is an event.
  static std::vector<json> events(const ToolResult& result) {
    std::vector<json> all;
    std::istringstream lines(result.err);
    for (std::string line; std::getline(lines, line);) {
      all.push_back(json::parse(line));
      EXPECT_TRUE(all.back().contains("event") && all.back().contains("time")) << line;
    }
    return all;
  }
  /// Without progress, of which a slow machine reports more.
  static std::vector<std::string> names(const std::vector<json>& events) {
    std::vector<std::string> result;
    for (const json& event : events) {
      if (event["event"] != "progress") result.push_back(event["event"]);
    }
    return result;
  }
};

TEST_F(Reports, EventsFollowAJobFromBeginToEnd) {
  ::mkfifo("c/pipe", 0600);  // skipped, with a warning
  const ToolResult result = compress({"--progress", "json"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find("c.fz: 170000 -> "), std::string::npos);  // results stay where they are
  const std::vector<json> all = events(result);
  EXPECT_EQ(names(all), (std::vector<std::string>{"warning", "begin", "block", "block", "block", "block", "end"}));
  EXPECT_NE(all[0]["text"].get<std::string>().find("pipe: skipped"), std::string::npos);
  EXPECT_EQ(all[1]["verb"], "compressing");
  EXPECT_EQ(all[1]["total_bytes"], 170'000);
  EXPECT_EQ(all[1]["total_blocks"], 4);
  std::uint64_t raw_bytes = 0;
  for (const json& event : all) raw_bytes += event["event"] == "block" ? event["raw_bytes"].get<std::uint64_t>() : 0;
  EXPECT_EQ(raw_bytes, 170'000u);
  EXPECT_EQ(all.back()["archive_bytes"], std::filesystem::file_size("c.fz"));
}

TEST_F(Reports, EveryLongCommandHasEvents) {
  EXPECT_EQ(compress({"-q"}).err, "");
  for (const auto& command : std::vector<std::vector<std::string>>{{"verify", "c.fz"},
                                                                   {"verify", "c.fz", "--quick"},
                                                                   {"decompress", "c.fz", "-o", "out"},
                                                                   {"extract", "c.fz", "c/a.txt", "-o", "some"},
                                                                   {"recover", "c.fz", "-o", "again.fz"}}) {
    std::vector<std::string> words = command;
    words.insert(words.end(), {"--progress", "json"});
    const std::vector<json> all = events(run_tool(words));
    ASSERT_GE(all.size(), 2u) << command[0];
    EXPECT_EQ(all.front()["event"], "begin") << command[0];
    EXPECT_EQ(all.back()["event"], "end") << command[0];
  }
}

TEST_F(Reports, AnErrorIsAnEventToo) {
  EXPECT_EQ(compress().exit_code, 0);
  const ToolResult again = compress({"--progress", "json"});
  EXPECT_EQ(again.exit_code, 4);
  const std::vector<json> all = events(again);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["event"], "error");
  EXPECT_EQ(all[0]["exit_code"], 4);
  EXPECT_NE(all[0]["text"].get<std::string>().find("exists already"), std::string::npos);
}

TEST_F(Reports, PlainLinesAndQuiet) {
  EXPECT_EQ(compress({"--progress", "plain"}).err, "compressing 0 B of 166.0 KiB (0 %), 0 of 4 blocks, 1 rank\n");
  EXPECT_EQ(run_tool({"verify", "c.fz", "--quiet"}).err, "");
  EXPECT_EQ(run_tool({"verify", "c.fz", "--progress", "none"}).err, "");
  EXPECT_EQ(run_tool({"verify", "c.fz", "--progress", "loud"}).exit_code, 2);
}

TEST_F(Reports, TheLogTellsWhatWasDone) {
  EXPECT_EQ(compress({"-q", "--log-file", "run.log", "--log-level", "debug"}).exit_code, 0);
  EXPECT_EQ(run_tool({"verify", "c.fz", "-q", "--log-file", "run.log"}).exit_code, 0);
  EXPECT_EQ(run_tool({"verify", "absent.fz", "-q", "--log-file", "run.log"}).exit_code, 3);
  const std::string log = test::read_text("run.log");
  for (const char* part : {" rank 0: begin: fz-dist ", "command: compress c -o c.fz", "journal: 1 blocks committed",
                           "block 3 done by rank 0", "c.fz: 170000 -> ", "end: done", "intact: 4 blocks decoded",
                           "error ", "end: exit code 3: absent.fz"}) {
    EXPECT_NE(log.find(part), std::string::npos) << part << "\n" << log;
  }
  test::write_text("note.txt", "a note");
  const ToolResult refused = run_tool({"verify", "c.fz", "--log-file", "note.txt"});
  EXPECT_EQ(refused.exit_code, 4) << refused.err;
  EXPECT_EQ(test::read_text("note.txt"), "a note");
}

TEST_F(Reports, TheLogIsNoPartOfTheArchive) {
  test::write_text("c/run.log.7", "2026-11-21T");  // of a rank of an earlier run
  test::write_text("c/run.log.old", "");
  std::filesystem::current_path(directory_ / "c");
  EXPECT_EQ(run_tool({"compress", ".", "-o", "../c.fz", "-q", "--log-file", "run.log"}).exit_code, 0);
  EXPECT_EQ(run_tool({"list", "../c.fz"}).out, "c\nc/a.txt\nc/noise\nc/run.log.old\n");
}

TEST_F(Reports, JobFilesSetThemToo) {
  test::write_text(
      "job.yaml", "command: compress\ninputs: [c]\noutput: c.fz\nprogress: json\nlog-file: run.log\nlog-level: info\n");
  const std::vector<json> all = events(run_tool({"run", "job.yaml"}));
  EXPECT_EQ(all.back()["event"], "end");
  EXPECT_NE(test::read_text("run.log").find("run job.yaml"), std::string::npos);
}

}  // namespace
}  // namespace fz
