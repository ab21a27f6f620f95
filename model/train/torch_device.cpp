#include "model/train/torch_device.h"

#include <ATen/Context.h>
#include <dlfcn.h>

#include "base/error.h"

namespace fz::model {
namespace {

/// Cheap, where loading LibTorch's part for GPUs takes seconds.
bool has_driver() {
  return ::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) != nullptr;
}

/// How many GPUs can be used; why none.
struct Gpus {
  int count = 0;
  std::string reason;
};
Gpus find_gpus() {
  if (!has_driver()) return {0, "there is no driver (libcuda.so.1)"};
  // Not linked: it is not there in a LibTorch for CPUs. Loaded, it makes itself known.
  if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_LOCAL) == nullptr)
    return {0, std::string("this LibTorch is for CPUs: ") + ::dlerror()};
  const auto count = static_cast<int>(at::getNumGPUs());
  return {count, count > 0 ? "" : "CUDA finds none"};
}

}  // namespace

at::Device training_device(const TrainerSettings& settings) {
  if (settings.device == TrainingDevice::kCpu) return at::kCPU;
  const Gpus gpus = find_gpus();
  if (gpus.count > 0) return {at::kCUDA, static_cast<at::DeviceIndex>(settings.rank_on_node % gpus.count)};
  if (settings.device == TrainingDevice::kGpu) fail(ErrorCode::kUnsupported, "no GPU to train on: {}", gpus.reason);
  return at::kCPU;
}

}  // namespace fz::model
