// The memory's loops for AVX2.
#include "memory/context_hash.h"
#include "memory/logistic.h"
#include "memory/memory_kernels.h"
#include "memory/memory_kernels.inl"
#include "memory/quick_kernel.inl"

namespace fz::memory {

const MemoryKernels kAvx2MemoryKernels = {"avx2", kKernels<kMaxInputs>, kKernels<kMaxOutputs>, code_quickly};

}  // namespace fz::memory
