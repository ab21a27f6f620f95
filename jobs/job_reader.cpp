#include "jobs/job_reader.h"

#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <filesystem>
#include <sstream>

#include "base/display.h"
#include "base/error.h"
#include "base/file.h"
#include "jobs/job_builder.h"

namespace fz::jobs {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// Refuses what the parser would take otherwise than an editor shows it: it accepts UTF-16, replaces bytes that are not
/// UTF-8, and takes a byte 04 for the end of the file.
void check_bytes(std::string_view text, const std::string& path) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_sequence_bytes(text.substr(i));
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool ends_line = byte == '\n' || (byte == '\r' && text.substr(i + 1, 1) == "\n");
    const bool is_control = byte == 0x7F || (byte < 0x20 && byte != '\t' && !ends_line);
    if (length == 0 || is_control) {
      fail_at(path, TextPlaces(text).position(i), fmt::format("byte 0x{:02x}; a job file is text in UTF-8", byte));
    }
    i += length;
  }
}

}  // namespace

void fail_at(const std::string& path, Position position, const std::string& message) {
  throw Error(ErrorCode::kUsage,
              display_text(fmt::format("{}:{}:{}: {}", path, position.line, position.column, message)));
}

Job read_job(const std::string& path) {
  // Not a pipe: every rank reads the file, and a pipe can be read once.
  std::error_code error;
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error)) {
    fail(ErrorCode::kInput, "{}: a job file must be a regular file", display_text(path));
  }
  const Bytes bytes = read_file(path, kMaxFileBytes);
  return parse_job({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

Job parse_job(std::string_view text, const std::string& path) {
  if (text.size() > kMaxFileBytes) {
    fail(ErrorCode::kInput, "{}: {} bytes, at most {} are accepted", display_text(path), text.size(), kMaxFileBytes);
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  check_bytes(text, path);
  JobBuilder builder(text, path);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    builder.refuse_syntax(error.mark, error.msg);
  }
  return builder.finish();
}

}  // namespace fz::jobs
