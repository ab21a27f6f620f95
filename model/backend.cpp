#include "model/backend.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"

namespace fz::model {
namespace {

bool has_avx512vnni() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}

/// AMX state is large, so Linux gives it only to processes that ask (arch_prctl; threads inherit the permission).
bool has_amx() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  constexpr unsigned kTileAndInt8 = (1u << 24) | (1u << 25);
  if ((edx & kTileAndInt8) != kTileAndInt8 || !has_avx512vnni()) return false;
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;               // XFEATURE_XTILEDATA
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

const std::vector<Backend>& backends() {
  static const std::vector<Backend> all = {
      {"scalar", true, &scalar_kernels()},
      {"avx2", __builtin_cpu_supports("avx2") != 0, &avx2_kernels()},
      {"avx512vnni", has_avx512vnni(), &avx512vnni_kernels()},
      {"amx", has_amx(), &amx_kernels()},
  };
  return all;
}

const Kernels& choose_kernels(const std::string& name) {
  const char* variable = std::getenv("FZ_BACKEND");
  const std::string wanted = !name.empty() ? name : variable != nullptr ? variable : "";
  const Kernels* best = nullptr;
  for (const Backend& backend : backends()) {
    if (wanted.empty() ? backend.is_available : backend.name == wanted) {
      if (!backend.is_available) {
        fail(ErrorCode::kUnsupported, "backend {}: this CPU lacks it; leave FZ_BACKEND unset to use the best it has",
             wanted);
      }
      best = backend.kernels;
    }
  }
  if (best == nullptr) {
    fail(ErrorCode::kUsage, "backend {}: unknown; known are scalar, avx2, avx512vnni, amx", wanted);
  }
  return *best;
}

}  // namespace fz::model
