// A cluster in virtual time around the real scheduler: ranks of different speed, blocks of different cost, stragglers
// and deaths. Every message goes through its wire format. Deterministic for a seed. Used by tests/sim and by
// bench/scaling.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "coordinator/scheduler.h"

namespace fz::simulation {

struct Cluster {
  int ranks = 1;
  std::uint32_t blocks = 1;
  std::uint32_t blocks_at_once = 1;  ///< That a rank takes together.
  double mean_block_seconds = 10;    ///< On a rank of speed 1; log-normal.
  double block_spread = 0.3;         ///< Standard deviation of its logarithm.
  double cheap_fraction = 0.05;      ///< Of the blocks; they cost a hundredth, and come last.
  double rank_spread = 0.05;         ///< Standard deviation of a rank's speed around 1.
  double straggler_fraction = 0;     ///< Of the ranks; rank 0 never is one.
  double straggler_slowness = 5;     ///< How many times slower they are.
  double death_fraction = 0;         ///< Of the ranks, at random times before the ideal end; never rank 0.
  double message_seconds = 0.002;    ///< One way.
  std::uint32_t seed = 1;
  coordinator::Scheduler::Rules rules = {};
};

struct Outcome {
  double finish_seconds = 0;       ///< When the last block was done.
  double ideal_seconds = 0;        ///< All ranks busy while they live, nothing done twice.
  double one_rank_seconds = 0;     ///< A rank of speed 1, alone.
  std::uint64_t blocks_dealt = 0;  ///< With those dealt again and copies.
  int deaths = 0;
  std::size_t set_aside = 0;
};

/// `commit` is given the blocks that are done, as the dispatcher does, a thousand together.
Outcome run(const Cluster& cluster, const std::function<void(std::span<const BlockId>)>& commit = {});

}  // namespace fz::simulation
