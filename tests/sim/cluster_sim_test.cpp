// The scheduler against a cluster in virtual time: nothing is left undone, and the end is near the ideal one.
#include <gtest/gtest.h>

#include <vector>

#include "simulation/cluster.h"
#include "support/small_corpus.h"

namespace fz::simulation {
namespace {

/// Runs it and expects every block to be committed exactly once.
Outcome run_all(const Cluster& cluster) {
  std::vector<int> commits(cluster.blocks);
  const Outcome outcome = run(cluster, [&](std::span<const BlockId> done) {
    for (const BlockId block : done) ++commits[number(block)];
  });
  EXPECT_EQ(outcome.set_aside, 0u);
  EXPECT_EQ(commits, std::vector<int>(cluster.blocks, 1));
  return outcome;
}

TEST(ClusterSim, AThousandRanksFinishTogether) {
  const Outcome outcome = run_all({.ranks = 1024, .blocks = 200'000, .seed = test::test_seed()});
  EXPECT_LT(outcome.finish_seconds, 1.03 * outcome.ideal_seconds);
}

TEST(ClusterSim, DeathsAndStragglersCostLittle) {
  const std::uint32_t seed = test::test_seed();
  for (std::uint32_t i = 0; i < 5; ++i) {
    const Outcome outcome =
        run_all({.ranks = 128, .blocks = 50'000, .straggler_fraction = 0.05, .death_fraction = 0.1, .seed = seed + i});
    EXPECT_GT(outcome.deaths, 0);
    EXPECT_GT(outcome.blocks_dealt, 50'000u);
    EXPECT_LT(outcome.finish_seconds, 1.03 * outcome.ideal_seconds) << "seed " << seed + i;
  }
}

TEST(ClusterSim, OneVerySlowRankDoesNotHoldUpTheEnd) {
  // Without copies it would end when that rank has done its last block, a thousand seconds after its start.
  const Outcome outcome = run_all(
      {.ranks = 8, .blocks = 400, .straggler_fraction = 0.4, .straggler_slowness = 100, .seed = test::test_seed()});
  EXPECT_LT(outcome.finish_seconds, 1.2 * outcome.ideal_seconds);
}

TEST(ClusterSim, AllButRankZeroMayDie) {
  const Outcome outcome = run_all({.ranks = 16, .blocks = 2000, .death_fraction = 1, .seed = test::test_seed()});
  EXPECT_EQ(outcome.deaths, 15);
}

}  // namespace
}  // namespace fz::simulation
