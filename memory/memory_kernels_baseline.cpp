// The memory's loops for any CPU.
#include "memory/context_hash.h"
#include "memory/logistic.h"
#include "memory/memory_kernels.h"
#include "memory/memory_kernels.inl"
#include "memory/quick_kernel.inl"

namespace fz::memory {

const MemoryKernels kBaselineMemoryKernels = {"baseline", kKernels<kMaxInputs>, kKernels<kMaxOutputs>, code_quickly};

const MemoryKernels& choose_memory_kernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return kAvx2MemoryKernels;
#endif
  return kBaselineMemoryKernels;
}

}  // namespace fz::memory
