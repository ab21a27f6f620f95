#include "cli/recovery_hint.h"

#include "base/display.h"
#include "base/error.h"

namespace fz::cli {

void with_recovery_hint(const std::string& archive, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    const std::string what = error.what();
    const bool of_archive = error.code() == ErrorCode::kCorrupt && what.starts_with(display_text(archive) + ": ");
    if (!of_archive || what.find(kRecoveryHint) != std::string::npos) throw;
    throw Error(error.code(), fmt::format("{}; {}", what, kRecoveryHint));
  }
}

}  // namespace fz::cli
