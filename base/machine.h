// The cores that this process may use, and how ranks on one node share them. Pure but for `allowed_cores`.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fz {

/// One bit per core, core 0 in the lowest bit of word 0. Fixed length, so that ranks can exchange it.
inline constexpr int kCoreMaskWords = 64;
using CoreMask = std::vector<std::uint64_t>;

/// The cores that the scheduler lets this process use (sched_getaffinity); what a launcher bound it to.
CoreMask allowed_cores();

int count_cores(const CoreMask& mask);

/// Threads for rank `own` among the ranks of its node: its cores, each divided by the number of ranks that may use it.
/// So ranks that are bound to different cores keep all of theirs, and ranks that share all cores share them evenly. At
/// least 1.
int fair_threads(std::span<const CoreMask> masks, std::size_t own);

}  // namespace fz
