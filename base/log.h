// The log of this process: a file of lines with time, level, host and rank, for operators. There is none until it is
// opened; then any thread may write. One for the process.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string_view>

#include "base/ids.h"

namespace fz {

enum class LogLevel : int { kError = 0, kWarning = 1, kInfo = 2, kDebug = 3 };

class Log {
 public:
  /// From now on, lines of this level and above are appended. Throws Error(kOutput), also for a file that exists and is
  /// no log: nothing is ever added to a user's other file.
  static void open(const std::filesystem::path& path, LogLevel level, Rank rank);
  static void close();
  static bool takes(LogLevel level);
  /// One line, whatever the text holds; on its way to the disk on return.
  static void write(LogLevel level, std::string_view text);
};

template <typename... Args>
void log_line(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (Log::takes(level)) Log::write(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace fz
