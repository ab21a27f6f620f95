// The mixer's loops for AVX2.
#include "memory/mixer_kernels.h"
#include "memory/mixer_kernels.inl"

namespace fz::memory {

const MixerKernels kAvx2MixerKernels = {"avx2", dot, train, limit};

}  // namespace fz::memory
