// What stands for nccl_sums.cpp in a build without NCCL.
#include "base/log.h"
#include "comm/gpu_sums.h"

namespace fz::comm {

std::unique_ptr<GpuSums> connect_gpus(Collective&, std::optional<int> gpu) {
  if (gpu) log_line(LogLevel::kWarning, "training: this build has no NCCL: sums go through memory");
  return nullptr;
}

}  // namespace fz::comm
