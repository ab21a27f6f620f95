#include "simulation/small_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace fz::simulation {
namespace {

constexpr std::uint64_t kFilesInDirectory = 1000;
constexpr std::uint64_t kMostBytes = 2000;

bool is_file(const std::string& path) {
  return path.ends_with(".txt");
}

}  // namespace

struct stat SmallFiles::status(const std::string& path, bool) const {
  struct stat status {};
  status.st_mode = is_file(path) ? S_IFREG | 0644 : S_IFDIR | 0755;
  status.st_mtim = {1'700'000'000, static_cast<long>(path.size() * 1'000'003)};
  status.st_size = is_file(path) ? static_cast<off_t>(std::hash<std::string>()(path) % kMostBytes) : 0;
  return status;
}

std::vector<std::string> SmallFiles::names_in(const std::string& path) const {
  std::vector<std::string> names;
  if (path == root()) {
    for (std::uint64_t i = 0; i < (files_ + kFilesInDirectory - 1) / kFilesInDirectory; ++i) {
      names.push_back(fmt::format("directory-{:07}", i));
    }
  } else {
    const std::uint64_t first = std::stoull(path.substr(path.size() - 7)) * kFilesInDirectory;
    for (std::uint64_t i = 0; i < std::min(kFilesInDirectory, files_ - first); ++i) {
      // Not in order: a real directory is not either.
      names.push_back(fmt::format("document-{:09}.txt", first + i * 617 % kFilesInDirectory));
    }
  }
  return names;
}

Bytes SmallFiles::read_at(const std::string&, std::uint64_t, std::size_t size_bytes) const {
  static const std::string text = [] {
    std::string words;
    while (words.size() < kMostBytes) words += "a few words of plain text, then some more; ";
    return words;
  }();
  const ByteSpan all = as_byte_span(text);
  return Bytes(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(size_bytes, all.size())));
}

std::string SmallFiles::link_target(const std::string& path) const {
  fail(ErrorCode::kInput, "{}: no link", path);
}

}  // namespace fz::simulation
