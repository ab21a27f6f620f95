// Reads job files, which are YAML of one shape: a mapping of keys to texts or lists of texts. Job files are untrusted
// input: size, nesting and number of values are bounded, and everything that job files do not need is refused:
// anchors, aliases, tags, further documents, keys given twice. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "jobs/job.h"

namespace fz::jobs {

/// Far above what people write; low enough that the worst file of this size is refused within a moment
/// (JobReader.HostileFilesEndSoon).
inline constexpr std::size_t kMaxFileBytes = 256 * 1024;
inline constexpr std::size_t kMaxValues = 10'000;
/// The longest path of Linux; longer texts name nothing.
inline constexpr std::size_t kMaxTextBytes = 4096;

/// Error(kInput) when the file cannot be read or is too large; Error(kUsage), with line and column, when its contents
/// are wrong.
Job read_job(const std::string& path);

/// The same of contents; `path` is for messages.
Job parse_job(std::string_view text, const std::string& path);

}  // namespace fz::jobs
