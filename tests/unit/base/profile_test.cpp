#include "base/profile.h"

#include <gtest/gtest.h>

#include <thread>

namespace fz {
namespace {

double seconds_in(Stage stage) {
  return Profile::totals().seconds[static_cast<std::size_t>(stage)];
}

/// Until the clock has moved: stages are measured with it.
void pass_time() {
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() == start) {
  }
}

TEST(Profile, CountsWhatIsInnermostAndOnlyWhenEnabled) {
  {
    const StageScope stage(Stage::kTokenize);
    pass_time();
    Profile::add_product_operations(5);
  }
  EXPECT_EQ(Profile::totals().sum(), 0);
  EXPECT_EQ(Profile::totals().product_operations, 0);

  Profile::enable();
  {
    const StageScope outer(Stage::kMemory);
    pass_time();
    {
      const StageScope inner(Stage::kCoder);
      pass_time();
      const double memory_before = seconds_in(Stage::kMemory);
      EXPECT_GT(memory_before, 0);
      pass_time();
      EXPECT_EQ(seconds_in(Stage::kMemory), memory_before);  // interrupted
    }
    EXPECT_GT(seconds_in(Stage::kCoder), 0);
    const double memory_before = seconds_in(Stage::kMemory);
    pass_time();
    { const StageScope inner(Stage::kCoder); }
    EXPECT_GT(seconds_in(Stage::kMemory), memory_before);  // goes on
  }
  EXPECT_EQ(seconds_in(Stage::kTokenize), 0);

  const double before = Profile::totals().sum();
  pass_time();
  { const StageScope stage(Stage::kOther); }
  const double outside = Profile::totals().sum() - before - seconds_in(Stage::kOther);
  EXPECT_NEAR(outside, 0, 1e-12);  // between stages nothing is counted

  std::thread other([] {
    const StageScope stage(Stage::kFallback);
    pass_time();
    Profile::add_product_operations(7);
  });
  other.join();
  EXPECT_GT(seconds_in(Stage::kFallback), 0);  // of a thread that is gone
  EXPECT_EQ(Profile::totals().product_operations, 7);
  EXPECT_EQ(Profile::totals().threads, 2);
}

TEST(Profile, PeakMemoryIsThatOfAProcess) {
  EXPECT_GT(peak_memory_bytes(), 100'000u);
}

}  // namespace
}  // namespace fz
