#include "base/machine.h"

#include <gtest/gtest.h>

namespace fz {
namespace {

CoreMask mask_of(std::initializer_list<int> cores) {
  CoreMask mask(kCoreMaskWords, 0);
  for (const int core : cores) mask[static_cast<std::size_t>(core) / 64] |= std::uint64_t{1} << (core % 64);
  return mask;
}

TEST(FairThreads, AloneTakesAllCores) {
  const CoreMask mask = mask_of({0, 1, 2, 70});
  EXPECT_EQ(count_cores(mask), 4);
  EXPECT_EQ(fair_threads({&mask, 1}, 0), 4);
}

TEST(FairThreads, BoundRanksKeepTheirCores) {
  const std::vector<CoreMask> masks = {mask_of({0}), mask_of({1})};
  EXPECT_EQ(fair_threads(masks, 0), 1);
  EXPECT_EQ(fair_threads(masks, 1), 1);
  const std::vector<CoreMask> sockets = {mask_of({0, 1, 2, 3}), mask_of({4, 5, 6, 7})};
  EXPECT_EQ(fair_threads(sockets, 1), 4);
}

TEST(FairThreads, RanksThatShareDivide) {
  const std::vector<CoreMask> masks(3, mask_of({0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(fair_threads(masks, 2), 2);
  const std::vector<CoreMask> thirds(3, mask_of({0, 1, 2}));
  EXPECT_EQ(fair_threads(thirds, 0), 1);
}

TEST(FairThreads, NeverNone) {
  const std::vector<CoreMask> masks(8, mask_of({0, 1}));
  EXPECT_EQ(fair_threads(masks, 5), 1);
}

TEST(AllowedCores, AtLeastOne) {
  EXPECT_GE(count_cores(allowed_cores()), 1);
}

}  // namespace
}  // namespace fz
