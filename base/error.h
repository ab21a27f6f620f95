// The one exception type of the project: whatever a user, a file, a network or a scheduler can cause.
// A bug is not an Error: it is FZ_CHECK, which ends the process.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace fz {

/// What went wrong, as far as a caller can act on it. The values are the exit codes of docs/exit-codes.md.
enum class ErrorCode : int {
  kUsage = 2,        ///< The command line or a job file asks for something that does not exist or fit together.
  kInput = 3,        ///< An input cannot be found or read, or changed while it was read.
  kOutput = 4,       ///< An output cannot be written, or exists and may not be replaced.
  kCorrupt = 5,      ///< An archive, model file or journal is damaged, truncated or hostile.
  kModel = 6,        ///< The archive needs a model that is not there, or another one than was given.
  kUnsupported = 7,  ///< This machine or this build cannot do it (CPU level, format version).
  kLaunch = 8,       ///< The distributed run is wrongly launched, or a rank was lost.
};

/// An error from outside. `what()` is one line: place first, then what is wrong, then what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }
  int exit_code() const noexcept { return static_cast<int>(code_); }

 private:
  ErrorCode code_;
};

/// Throws an Error with a formatted message: `fail(ErrorCode::kInput, "{}: cannot open: {}", path, reason)`.
template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

/// Prints the place and the condition and aborts. Input can never reach it.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace fz

#define FZ_CHECK(condition) ((condition) ? (void)0 : ::fz::check_failed(#condition, __FILE__, __LINE__))
