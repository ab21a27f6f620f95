// What tests of the tool share: a temporary directory in which the command runs, and what a command that succeeds or
// fails looks like.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "support/run_tool.h"
#include "support/temporary_directory.h"

namespace fz::test {

class ToolTest : public testing::Test {
 protected:
  ToolTest() : before_(std::filesystem::current_path()) { std::filesystem::current_path(directory_.path()); }
  ~ToolTest() override { std::filesystem::current_path(before_); }

  static void expect_success(const ToolResult& result) { EXPECT_EQ(result.exit_code, 0) << result.err; }
  /// One line, ours, that has the text.
  static void expect_failure(const ToolResult& result, int exit_code, const std::string& text) {
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_NE(result.err.find(text), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_TRUE(result.err.starts_with("fz-dist: ")) << result.err;
  }
  /// Runs these words and those.
  static ToolResult run_with(std::vector<std::string> words, const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
    return run_tool(words);
  }

  TemporaryDirectory directory_;

 private:
  std::filesystem::path before_;
};

}  // namespace fz::test
