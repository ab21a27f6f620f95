#include "shard/selection.h"

#include <fnmatch.h>

#include <algorithm>

#include "base/display.h"

namespace fz::shard {
namespace {

std::string without_trailing_slashes(std::string pattern) {
  while (pattern.size() > 1 && pattern.back() == '/') pattern.pop_back();
  return pattern;
}

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

}  // namespace

Selection::Selection(const ArchiveReader& archive, const std::vector<std::string>& patterns)
    : archive_(archive),
      selected_(archive.entries().size(), patterns.empty()),
      mere_parent_(archive.entries().size(), false) {
  const std::vector<FileEntry>& entries = archive.entries();
  for (const std::string& given : patterns) {
    const std::string pattern = without_trailing_slashes(given);
    bool found = false;
    std::string_view taken_directory;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::string& path = entries[i].path;
      const bool below = !taken_directory.empty() && is_below(path, taken_directory);
      if (!below && path != pattern && ::fnmatch(pattern.c_str(), path.c_str(), 0) != 0) continue;
      selected_[i] = found = true;
      if (!below && entries[i].type == FileType::kDirectory) taken_directory = path;
    }
    if (!found)
      fail(ErrorCode::kInput, "{}: nothing in the archive matches '{}'; see 'fz-dist list'", archive.name(),
           display_text(given));
  }
  // Going backwards, all that lies below a directory is met before the directory itself: the wanted parents are a
  // stack.
  std::vector<std::string_view> wanted;
  for (std::size_t i = entries.size(); i-- > 0;) {
    const std::string_view path = entries[i].path;
    if (!wanted.empty() && wanted.back() == path) {
      mere_parent_[i] = !selected_[i];
      selected_[i] = true;
      wanted.pop_back();
    }
    if (!selected_[i]) continue;
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) continue;
    const std::string_view parent = path.substr(0, slash);
    if (wanted.empty() || wanted.back() != parent) wanted.push_back(parent);
  }
  for (const std::size_t i : files_by_offset(entries)) {
    if (selected_[i]) by_offset_.push_back(i);
  }
}

std::vector<std::size_t> Selection::entries() const {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    if (selected_[i]) result.push_back(i);
  }
  return result;
}

std::vector<BlockId> Selection::blocks() const {
  std::vector<BlockId> result;
  for (std::uint32_t i = 0; i < archive_.blocks().size(); ++i) {
    if (!pieces(BlockId{i}).empty()) result.push_back(BlockId{i});
  }
  return result;
}

std::uint64_t Selection::raw_bytes() const {
  std::uint64_t total = 0;
  for (const std::size_t i : by_offset_) total += archive_.entries()[i].raw_bytes;
  return total;
}

std::vector<Selection::Piece> Selection::pieces(BlockId block) const {
  const IndexedBlock& range = archive_.blocks()[number(block)];
  const std::uint64_t block_end = range.raw_offset + range.raw_bytes;
  const auto& entries = archive_.entries();
  // The first taken file that ends after the block begins.
  auto next = std::partition_point(by_offset_.begin(), by_offset_.end(), [&](std::size_t i) {
    return entries[i].raw_offset + entries[i].raw_bytes <= range.raw_offset;
  });
  std::vector<Piece> result;
  for (; next != by_offset_.end() && entries[*next].raw_offset < block_end; ++next) {
    const FileEntry& entry = entries[*next];
    const std::uint64_t begin = std::max(entry.raw_offset, range.raw_offset);
    const std::uint64_t end = std::min(entry.raw_offset + entry.raw_bytes, block_end);
    result.push_back({*next, begin - entry.raw_offset, static_cast<std::uint32_t>(begin - range.raw_offset),
                      static_cast<std::uint32_t>(end - begin)});
  }
  return result;
}

}  // namespace fz::shard
