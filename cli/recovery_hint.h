// Tells users of a damaged archive that not all is lost.
#pragma once

#include <functional>
#include <string>

namespace fz::cli {

inline constexpr const char* kRecoveryHint = "see 'fz-dist recover'";

/// Runs the action. An Error(kCorrupt) that names the archive gets the hint at its end.
void with_recovery_hint(const std::string& archive, const std::function<void()>& action);

}  // namespace fz::cli
