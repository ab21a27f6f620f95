#include "shard/corpus_reader.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/file.h"

namespace fz::shard {
namespace {

void require_unchanged(const File& file, const FileEntry& entry) {
  struct stat status;
  if (::fstat(file.descriptor(), &status) != 0) fail(ErrorCode::kInput, "{}: cannot stat", file.path().string());
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != entry.raw_bytes ||
      status.st_mtim.tv_sec != entry.mtime_seconds ||
      status.st_mtim.tv_nsec != static_cast<long>(entry.mtime_nanoseconds)) {
    fail(ErrorCode::kInput, "{}: changed while it was being archived; run again when nothing writes to it",
         file.path().string());
  }
}

}  // namespace

CorpusReader::CorpusReader(const Plan& plan)
    : plan_(plan), order_(files_by_offset(plan.entries.size(), plan.entry_at())) {}

Bytes CorpusReader::read(const PlanBlock& block) const {
  Bytes raw(block.raw_bytes);
  const std::uint64_t end = block.raw_offset + block.raw_bytes;
  auto next = std::upper_bound(
      order_.begin(), order_.end(), block.raw_offset,
      [&](std::uint64_t offset, std::size_t index) { return offset < plan_.entries[index].file.raw_offset; });
  FZ_CHECK(next != order_.begin());
  --next;
  for (std::uint64_t offset = block.raw_offset; offset < end; ++next) {
    FZ_CHECK(next != order_.end());
    const FileEntry& entry = plan_.entries[*next].file;
    const std::uint64_t part_end = std::min(end, entry.raw_offset + entry.raw_bytes);
    // Links below the inputs are archived as links; only an input argument itself may be one.
    const bool is_input = entry.path.find('/') == std::string::npos;
    const File file = File::open_for_reading(source_path(plan_, entry), is_input);
    require_unchanged(file, entry);
    file.read_at(offset - entry.raw_offset, raw.data() + (offset - block.raw_offset),
                 static_cast<std::size_t>(part_end - offset));
    require_unchanged(file, entry);
    offset = part_end;
  }
  return raw;
}

}  // namespace fz::shard
