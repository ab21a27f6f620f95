#include "base/machine.h"

#include <sched.h>

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace fz {

CoreMask allowed_cores() {
  constexpr std::size_t kBytes = kCoreMaskWords * sizeof(std::uint64_t);
  CoreMask mask(kCoreMaskWords, 0);
  static_assert(kBytes % sizeof(unsigned long) == 0);
  if (::sched_getaffinity(0, kBytes, reinterpret_cast<cpu_set_t*>(mask.data())) != 0) mask[0] = 1;
  return mask;
}

int count_cores(const CoreMask& mask) {
  int cores = 0;
  for (const std::uint64_t word : mask) cores += std::popcount(word);
  return cores;
}

int fair_threads(std::span<const CoreMask> masks, std::size_t own) {
  FZ_CHECK(own < masks.size());
  double share = 0;
  for (std::size_t core = 0; core < kCoreMaskWords * 64; ++core) {
    const auto has_core = [&](const CoreMask& mask) { return (mask[core / 64] >> (core % 64) & 1) != 0; };
    if (has_core(masks[own])) share += 1.0 / static_cast<double>(std::count_if(masks.begin(), masks.end(), has_core));
  }
  // The small addend keeps 3 × (1/3) from being rounded to 0.
  return std::max(1, static_cast<int>(share + 1e-6));
}

}  // namespace fz
