#include "base/log.h"

#include <gtest/gtest.h>

#include <regex>

#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace fz {
namespace {

TEST(Log, LinesHaveTimeLevelHostAndRank) {
  const test::TemporaryDirectory directory;
  Log::open(directory / "log", LogLevel::kInfo, Rank{3});
  log_line(LogLevel::kInfo, "block {}\nof {}", 7, "c\xff");
  log_line(LogLevel::kDebug, "not wanted");
  log_line(LogLevel::kError, "100 %v {}", "{}");
  Log::close();
  log_line(LogLevel::kError, "after the end");
  const std::string text = test::read_text(directory / "log");
  const std::string head = R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d )";
  EXPECT_TRUE(std::regex_match(text, std::regex(head + R"(info \S+ rank 3: block 7\\x0aof c\\xff\n)" + head +
                                                R"(error \S+ rank 3: 100 %v \{\}\n)")))
      << text;
}

TEST(Log, IsAppendedToButNeverToAnotherFile) {
  const test::TemporaryDirectory directory;
  for (int run = 0; run < 2; ++run) {
    Log::open(directory / "log", LogLevel::kInfo, Rank{0});
    log_line(LogLevel::kInfo, "once more");
    Log::close();
  }
  const std::string text = test::read_text(directory / "log");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  test::write_text(directory / "thesis", "2026: a thesis");
  test::expect_error(ErrorCode::kOutput, "no log of fz-dist",
                     [&] { Log::open(directory / "thesis", LogLevel::kInfo, Rank{0}); });
  EXPECT_EQ(test::read_text(directory / "thesis"), "2026: a thesis");
  test::expect_error(ErrorCode::kOutput, "no log of fz-dist",
                     [&] { Log::open(directory.path(), LogLevel::kInfo, Rank{0}); });
  EXPECT_FALSE(Log::takes(LogLevel::kError));
}

}  // namespace
}  // namespace fz
