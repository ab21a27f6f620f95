// The memory's loops for AVX2.
#include "memory/memory_kernels.h"
#include "memory/memory_kernels.inl"

namespace fz::memory {

const MemoryKernels kAvx2MemoryKernels = {"avx2", kKernels<kMaxInputs>, kKernels<kMaxOutputs>};

}  // namespace fz::memory
