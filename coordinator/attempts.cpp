#include "coordinator/attempts.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "shard/checked_records.h"

namespace fz::coordinator {
namespace {

// File: magic and the plan's check, then records: type, block, count, check.
constexpr std::string_view kMagic("FZtrys\x00\x01", 8);
constexpr std::size_t kHeadBytes = 8 + sizeof(shard::Check8);
constexpr std::size_t kRecordBytes = 1 + 4 + 4 + sizeof(shard::Check8);
/// More is the same.
constexpr std::uint32_t kMostDeaths = 100;

enum class RecordType : std::uint8_t { kDeaths = 1, kBegun = 2, kEnded = 3 };

void write_record(ByteWriter& writer, RecordType type, BlockId block = {}, int count = 0) {
  shard::write_checked_record(writer, [&](ByteWriter& record) {
    record.write(static_cast<std::uint8_t>(type));
    record.write(number(block));
    record.write(static_cast<std::uint32_t>(count));
  });
}

Bytes head_of(const shard::Check8& plan_check) {
  ByteWriter writer;
  writer.write_bytes(as_byte_span(kMagic));
  writer.write_bytes(plan_check);
  return writer.take();
}

std::map<BlockId, int> read_deaths(const std::filesystem::path& path, const Bytes& head) {
  std::map<BlockId, int> deaths;
  std::set<BlockId> begun;
  if (!is_plain_file(path)) return deaths;
  const File file = File::open_for_reading(path);
  if (file.size_bytes() < kHeadBytes || file.read_at(0, kHeadBytes) != head) return deaths;
  shard::read_checked_records(file, kHeadBytes, kRecordBytes, [&](ByteSpan bytes) {
    ByteReader record(bytes, path.string());
    const auto type = static_cast<RecordType>(record.read<std::uint8_t>());
    const BlockId block{record.read<std::uint32_t>()};
    const auto count = record.read<std::uint32_t>();
    if (type == RecordType::kDeaths) deaths[block] = static_cast<int>(std::min(count, kMostDeaths));
    if (type == RecordType::kBegun) begun.insert(block);
    if (type == RecordType::kEnded) begun.clear();
  });
  for (const BlockId block : begun) ++deaths[block];
  return deaths;
}

}  // namespace

Attempts::Attempts(const std::filesystem::path& path, const shard::Check8& plan_check, const FinishedBlocks& finished) {
  const Bytes head = head_of(plan_check);
  try {
    deaths_ = read_deaths(path, head);
  } catch (const Error& error) {
    log_line(LogLevel::kWarning, "{}", error.what());
  }
  std::erase_if(deaths_, [&](const auto& block) { return finished.contains(block.first); });
  ByteWriter writer;
  writer.write_bytes(head);
  for (const auto& [block, count] : deaths_) write_record(writer, RecordType::kDeaths, block, count);
  replace_file(path, writer.bytes());
  file_ = File::open_for_appending(path);
}

int Attempts::deaths(BlockId block) const {
  const auto found = deaths_.find(block);
  return found == deaths_.end() ? 0 : found->second;
}

void Attempts::begin(std::span<const BlockId> blocks) {
  ByteWriter writer;
  for (const BlockId block : blocks) write_record(writer, RecordType::kBegun, block);
  append(writer.bytes());
}

void Attempts::end() {
  ByteWriter writer;
  write_record(writer, RecordType::kEnded);
  append(writer.bytes());
}

void Attempts::append(const Bytes& records) {
  try {
    file_.append(records);
  } catch (const Error& error) {
    log_line(LogLevel::kWarning, "{}", error.what());  // on a full disk the blocks will fail by themselves
  }
}

}  // namespace fz::coordinator
