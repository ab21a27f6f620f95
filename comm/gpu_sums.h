// Sums over ranks of numbers that lie in the memory of their GPUs, one GPU a rank. Used by the thread that trains, on
// every rank in step.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "comm/collective.h"

namespace fz::comm {

class GpuSums {
 public:
  virtual ~GpuSums() = default;
  /// `values`: `count` numbers in the memory of this rank's GPU, as work on its default stream leaves them; element by
  /// element over all ranks, the same bits everywhere. Throws Error(kLaunch) when not all ranks take part in time;
  /// nothing can be summed after that.
  virtual void sum(float* values, std::size_t count) = 0;
};

/// Called by all ranks of `collective`, which outlives the result. `gpu`: the index of this rank's, if it has one. Null
/// on all ranks, and the log says why, when one has none or shares it, or NCCL is missing or cannot connect them; then
/// sums go through memory, by `collective`. Throws Error(kLaunch) when a rank is lost.
std::unique_ptr<GpuSums> connect_gpus(Collective& collective, std::optional<int> gpu);

}  // namespace fz::comm
