#include "cli/progress.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace fz::cli {
namespace {

/// A progress whose time is set by hand.
struct Shown {
  std::ostringstream err;
  double now = 100;
  Progress progress;

  explicit Shown(ProgressStyle style, ProgressJob job = {.verb = "compressing",
                                                         .total_bytes = 4'096'000,
                                                         .total_blocks = 4,
                                                         .ranks = 2,
                                                         .has_ratio = true})
      : progress(err, style, std::move(job), false, [this] { return now; }) {}

  /// What has been written since the last call.
  std::string take() {
    std::string text = err.str();
    err.str("");
    return text;
  }
  void at(double seconds) {
    now = 100 + seconds;
    progress.update();
  }
};

TEST(Progress, ALineIsRewritten) {
  Shown shown(ProgressStyle::kLine);
  EXPECT_EQ(shown.take(), "");
  shown.at(0);
  EXPECT_EQ(shown.take(), "\rcompressing 0 B of 3.9 MiB (0 %), 0 of 4 blocks, 2 ranks\x1b[K");
  shown.progress.add_block(BlockId{0}, Rank{1}, 1'024'000, 256'000);
  shown.at(0.1);
  EXPECT_EQ(shown.take(), "");  // not yet time
  shown.at(10);
  EXPECT_EQ(shown.take(),
            "\rcompressing 1000.0 KiB of 3.9 MiB (25 %), 1 of 4 blocks, 2 ranks, 102.4 KB/s (51.2 a rank), 30 s left, "
            "ratio 4.00\x1b[K");
}

TEST(Progress, TheLineIsClearedAtTheEnd) {
  std::ostringstream err;
  double now = 0;
  {
    Progress progress(err, ProgressStyle::kLine, {.verb = "reading", .total_bytes = 2048}, false, [&] { return now; });
    now = 1;
    progress.set_done(1024);
    progress.update();
    EXPECT_EQ(err.str(), "\rreading 1.0 KiB of 2.0 KiB (50 %), 1.0 KB/s, 1 s left\x1b[K");
    err.str("");
  }
  EXPECT_EQ(err.str(), "\r\x1b[K");
}

TEST(Progress, PlainLinesComeAtTheStartAndEveryHalfMinute) {
  Shown shown(ProgressStyle::kPlain);
  EXPECT_EQ(shown.take(), "compressing 0 B of 3.9 MiB (0 %), 0 of 4 blocks, 2 ranks\n");
  for (double second = 0; second < 30; second += 0.5) shown.at(second);
  EXPECT_EQ(shown.take(), "");
  shown.at(30);
  const std::string line = shown.take();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
  shown.at(59);
  EXPECT_EQ(shown.take(), "");
  shown.at(61);
  EXPECT_NE(shown.take(), "");
}

TEST(Progress, WhatAnEarlierRunDidCountsButIsNotThisRunsSpeed) {
  Shown shown(ProgressStyle::kLine, {.verb = "compressing",
                                     .total_bytes = 4'000,
                                     .total_blocks = 4,
                                     .ranks = 1,
                                     .has_ratio = true,
                                     .reused_bytes = 2'000,
                                     .reused_blocks = 2,
                                     .reused_stored_bytes = 1'000});
  shown.progress.add_block(BlockId{3}, Rank{0}, 1'000, 500);
  shown.at(10);
  EXPECT_EQ(shown.take(),
            "\rcompressing 2.9 KiB of 3.9 KiB (75 %), 3 of 4 blocks, 1 rank, 0.1 KB/s, 10 s left, ratio 2.00\x1b[K");
}

TEST(Progress, BlocksInWorkCountAsFarAsTheyAre) {
  Shown shown(ProgressStyle::kLine);
  shown.progress.set_in_work(Rank{0}, 256'000);
  shown.progress.set_in_work(Rank{1}, 768'000);
  shown.at(10);
  EXPECT_EQ(shown.take(),
            "\rcompressing 1000.0 KiB of 3.9 MiB (25 %), 0 of 4 blocks, 2 ranks, 102.4 KB/s (51.2 a rank), 30 s left"
            "\x1b[K");
  shown.progress.add_block(BlockId{0}, Rank{1}, 1'024'000, 256'000);  // counted once
  shown.progress.forget_work_of([](Rank rank) { return rank == Rank{0}; });
  shown.at(20);
  EXPECT_NE(shown.take().find(" 1000.0 KiB of "), std::string::npos);
  shown.progress.set_in_work(Rank{0}, 5'000'000);  // dealt twice, say
  shown.at(30);
  EXPECT_NE(shown.take().find("(100 %)"), std::string::npos);
}

TEST(Progress, EventsAreOneObjectALine) {
  Shown shown(ProgressStyle::kJson);
  const auto begin = nlohmann::json::parse(shown.take());
  EXPECT_EQ(begin["event"], "begin");
  EXPECT_EQ(begin["verb"], "compressing");
  EXPECT_EQ(begin["total_blocks"], 4);
  EXPECT_EQ(begin["time"].get<std::string>().size(), std::string("2026-11-21T09:45:00.123Z").size());
  shown.progress.add_block(BlockId{2}, Rank{1}, 1'024'000, 256'000);
  const auto block = nlohmann::json::parse(shown.take());
  EXPECT_EQ(block["event"], "block");
  EXPECT_EQ(block["block"], 2);
  EXPECT_EQ(block["rank"], 1);
  EXPECT_EQ(block["stored_bytes"], 256'000);
  shown.at(0.5);
  EXPECT_EQ(shown.take(), "");
  shown.at(10);
  const std::string text = shown.take();
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto progress = nlohmann::json::parse(text);
  EXPECT_EQ(progress["event"], "progress");
  EXPECT_EQ(progress["done_bytes"], 1'024'000);
  EXPECT_EQ(progress["done_blocks"], 1);
  EXPECT_EQ(progress["bytes_in_work"], 0);
  EXPECT_DOUBLE_EQ(progress["bytes_per_second"], 102'400);
  EXPECT_DOUBLE_EQ(progress["bytes_per_second_per_rank"], 51'200);
  EXPECT_DOUBLE_EQ(progress["seconds_left"], 30);
  EXPECT_DOUBLE_EQ(progress["ratio"], 4);
}

TEST(Progress, NoneIsNothing) {
  Shown shown(ProgressStyle::kNone);
  shown.progress.add_block(BlockId{2}, Rank{1}, 1'000, 1);
  shown.at(1000);
  EXPECT_EQ(shown.take(), "");
}

TEST(Progress, StylesByName) {
  const std::ostringstream elsewhere;
  EXPECT_EQ(progress_style("auto", false, elsewhere), ProgressStyle::kNone);
  EXPECT_EQ(progress_style("json", true, elsewhere), ProgressStyle::kJson);  // asked for by name
  EXPECT_EQ(progress_style("plain", false, elsewhere), ProgressStyle::kPlain);
  EXPECT_EQ(progress_style("none", false, elsewhere), ProgressStyle::kNone);
}

TEST(Progress, Durations) {
  EXPECT_EQ(display_duration(0.4), "0 s");
  EXPECT_EQ(display_duration(59.6), "1 min 0 s");
  EXPECT_EQ(display_duration(200), "3 min 20 s");
  EXPECT_EQ(display_duration(7500), "2 h 5 min");
  EXPECT_EQ(display_duration(100 * 3600), "4 d 4 h");
  EXPECT_EQ(display_duration(1e300), "11574 d 1 h");
  EXPECT_EQ(display_duration(-1), "0 s");
}

}  // namespace
}  // namespace fz::cli
