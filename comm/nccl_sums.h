// What connect_gpus does where NCCL is, with the library as a parameter.
#pragma once

#include "comm/gpu_sums.h"
#include "comm/nccl_library.h"

namespace fz::comm {

/// `nccl` outlives the result; null: it cannot be used on this rank.
std::unique_ptr<GpuSums> connect_gpus_with(const NcclLibrary* nccl, Collective& collective, std::optional<int> gpu);

}  // namespace fz::comm
