// Records of a fixed size that end with a check of themselves, one after another to the end of a file, as journals
// hold them: a file that is torn where its writer was killed has whole records up to there. Pure but for the file.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/file.h"
#include "shard/archive_format.h"

namespace fz::shard {

/// Appends what `write(writer)` appends, and its check.
template <typename Write>
void write_checked_record(ByteWriter& writer, const Write& write) {
  const std::size_t begin = writer.size();
  write(writer);
  writer.write_bytes(check8(ByteSpan(writer.bytes()).subspan(begin)));
}

/// Hands each record from `offset_bytes` on, without its check8, to `take(ByteSpan)`, up to the first that is not whole
/// or whose check differs. Returns where the last whole one ends. A few at a time are in memory, whatever size the file
/// claims to have.
template <typename Take>
std::uint64_t read_checked_records(const File& file, std::uint64_t offset_bytes, std::size_t record_bytes, Take take) {
  constexpr std::uint64_t kRecordsAtOnce = 4096;
  const std::size_t checked_bytes = record_bytes - sizeof(Check8);
  const std::uint64_t size_bytes = file.size_bytes();
  FZ_CHECK(offset_bytes <= size_bytes);
  for (;;) {
    const std::uint64_t count = std::min((size_bytes - offset_bytes) / record_bytes, kRecordsAtOnce);
    if (count == 0) return offset_bytes;
    const Bytes records = file.read_at(offset_bytes, static_cast<std::size_t>(count) * record_bytes);
    for (std::size_t begin = 0; begin < records.size(); begin += record_bytes) {
      const ByteSpan record = ByteSpan(records).subspan(begin, record_bytes);
      const Check8 check = check8(record.first(checked_bytes));
      if (!std::equal(check.begin(), check.end(), record.begin() + static_cast<std::ptrdiff_t>(checked_bytes))) {
        return offset_bytes;
      }
      take(record.first(checked_bytes));
      offset_bytes += record_bytes;
    }
  }
}

}  // namespace fz::shard
