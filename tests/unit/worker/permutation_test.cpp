#include "worker/permutation.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/small_corpus.h"

namespace fz::worker {
namespace {

std::vector<std::uint64_t> images(std::uint64_t count, std::uint64_t seed) {
  const Permutation permutation(count, seed);
  EXPECT_EQ(permutation.count(), count);
  std::vector<std::uint64_t> result;
  for (std::uint64_t i = 0; i < count; ++i) result.push_back(permutation(i));
  return result;
}

TEST(Permutation, TakesEveryNumberOnce) {
  const std::uint64_t first_seed = test::test_seed();
  for (const std::uint64_t count : {1u, 2u, 3u, 4u, 5u, 15u, 16u, 17u, 64u, 65u, 1000u, 4096u, 4097u, 100003u}) {
    for (const std::uint64_t seed : {std::uint64_t{0}, first_seed, ~std::uint64_t{0}}) {
      std::vector<bool> seen(count);
      for (const std::uint64_t image : images(count, seed)) {
        ASSERT_LT(image, count) << count << " with seed " << seed;
        ASSERT_FALSE(seen[image]) << image << " twice among " << count << " with seed " << seed;
        seen[image] = true;
      }
    }
  }
}

TEST(Permutation, DependsOnTheSeedAndOnNothingElse) {
  for (const std::uint64_t count : {16u, 1000u, 4096u}) {
    EXPECT_EQ(images(count, 1), images(count, 1));
    EXPECT_NE(images(count, 1), images(count, 2));
    EXPECT_NE(images(count, 1), images(count, ~std::uint64_t{0}));
  }
}

/// Neighbours do not stay neighbours: a permutation that is nearly the order itself would mix nothing.
TEST(Permutation, Mixes) {
  const std::vector<std::uint64_t> order = images(4096, 3);
  std::size_t still_neighbours = 0;
  for (std::size_t i = 1; i < order.size(); ++i) still_neighbours += order[i] == order[i - 1] + 1 ? 1 : 0;
  EXPECT_LT(still_neighbours, 20u);  // of a random order one is expected
}

}  // namespace
}  // namespace fz::worker
