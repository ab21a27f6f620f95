#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <cctype>
#include <mutex>

#include "base/display.h"
#include "base/file.h"

namespace fz {
namespace {

std::mutex logger_mutex;
std::shared_ptr<spdlog::logger> logger;
/// Read without the mutex: most lines are not wanted. -1: there is no log.
std::atomic<int> open_level{-1};

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kInfo:
      return spdlog::level::info;
    default:
      return spdlog::level::debug;
  }
}

/// As our own lines begin: 2026-11-21T.
bool begins_with_date(ByteSpan bytes) {
  constexpr std::string_view kForm = "0000-00-00T";
  if (bytes.size() < kForm.size()) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool fits = kForm[i] == '0' ? std::isdigit(bytes[i]) != 0 : bytes[i] == static_cast<std::uint8_t>(kForm[i]);
    if (!fits) return false;
  }
  return true;
}

void refuse_other_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) return;
  const bool is_regular = status.type() == std::filesystem::file_type::regular;
  if (is_regular) {
    const File file = File::open_for_reading(path);
    const std::uint64_t size_bytes = file.size_bytes();
    if (size_bytes == 0 || begins_with_date(file.read_at(0, std::min<std::uint64_t>(size_bytes, 11)))) return;
  }
  fail(ErrorCode::kOutput, "{}: exists and is no log of fz-dist; name another file with --log-file",
       display_text(path.native()));
}

/// For spdlog's pattern, in which a % begins a field.
std::string host_name() {
  char name[256] = "localhost";
  ::gethostname(name, sizeof name - 1);
  std::string text = display_text(name);
  std::erase(text, '%');
  return text;
}

}  // namespace

void Log::open(const std::filesystem::path& path, LogLevel level, Rank rank) {
  close();
  refuse_other_file(path);
  const std::scoped_lock lock(logger_mutex);
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.native(), /*truncate=*/false);
    logger = std::make_shared<spdlog::logger>("fz-dist", std::move(sink));
  } catch (const spdlog::spdlog_ex& error) {
    fail(ErrorCode::kOutput, "{}: cannot open the log: {}", display_text(path.native()), display_text(error.what()));
  }
  logger->set_pattern(fmt::format("%Y-%m-%dT%H:%M:%S.%e%z %l {} rank {}: %v", host_name(), number(rank)));
  logger->set_level(to_spdlog(level));
  logger->flush_on(spdlog::level::trace);
  // A full disk under the log is no reason to end the work.
  logger->set_error_handler([](const std::string&) {});
  open_level = static_cast<int>(level);
}

void Log::close() {
  const std::scoped_lock lock(logger_mutex);
  open_level = -1;
  logger.reset();
}

bool Log::takes(LogLevel level) {
  return static_cast<int>(level) <= open_level.load(std::memory_order_relaxed);
}

void Log::write(LogLevel level, std::string_view text) {
  const std::scoped_lock lock(logger_mutex);
  if (logger) logger->log(to_spdlog(level), "{}", display_text(text));
}

}  // namespace fz
