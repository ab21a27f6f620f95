// The mixer's loops for any CPU.
#include "memory/mixer_kernels.h"
#include "memory/mixer_kernels.inl"

namespace fz::memory {

const MixerKernels kBaselineMixerKernels = {"baseline", dot, train, limit};

const MixerKernels& choose_mixer_kernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return kAvx2MixerKernels;
#endif
  return kBaselineMixerKernels;
}

}  // namespace fz::memory
