// Chooses the kernels for this CPU, once, at run time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/kernels/kernels.h"

namespace fz::model {

struct Backend {
  std::string_view name;  ///< "scalar", "avx2", "avx512vnni", "amx"
  bool is_available;      ///< This CPU and operating system can run it.
  const Kernels* kernels;
};

/// All backends of this build, slowest first.
const std::vector<Backend>& backends();

/// The kernels named by `name`, or by FZ_BACKEND if `name` is empty, or else the fastest available.
/// Throws Error(kUsage) for an unknown name and Error(kUnsupported) for one that this CPU lacks; never falls back.
const Kernels& choose_kernels(const std::string& name = "");

}  // namespace fz::model
