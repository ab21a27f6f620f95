#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace fz {
namespace {

TEST(ThreadPool, EveryIndexOnceAlsoInManyShortRounds) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    std::vector<int> counts(7);
    for (int round = 0; round < 2000; ++round) {
      pool.parallel_for(static_cast<std::size_t>(round % 8), [&](std::size_t index, int thread) {
        EXPECT_GE(thread, 0);
        EXPECT_LT(thread, threads);
        ++counts[index];
      });
    }
    for (int index = 0; index < 7; ++index) EXPECT_EQ(counts[static_cast<std::size_t>(index)], 250 * (7 - index));
  }
}

// Longer than a helper looks for work before it sleeps, on either side.
TEST(ThreadPool, WakesThreadsThatSleep) {
  ThreadPool pool(3);
  std::atomic<int> sum{0};
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    pool.parallel_for(9, [&](std::size_t index, int) {
      if (index == 8) std::this_thread::sleep_for(std::chrono::milliseconds(3));
      sum += static_cast<int>(index);
    });
  }
  EXPECT_EQ(sum, 5 * 36);
}

TEST(ThreadPool, TheFirstExceptionComesOut) {
  ThreadPool pool(2);
  EXPECT_THROW(pool.parallel_for(100,
                                 [](std::size_t index, int) {
                                   if (index == 3) throw std::runtime_error("three");
                                 }),
               std::runtime_error);
  int count = 0;
  pool.parallel_for(1, [&](std::size_t, int) { ++count; });
  EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace fz
