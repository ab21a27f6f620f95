#include "coordinator/journal.h"

#include <algorithm>

namespace fz::coordinator {
namespace {

// File: magic, then records of fixed size: type, three numbers and a check. Fixed size makes a torn tail easy to see.
constexpr std::string_view kJournalMagic("FZjrnl\x00\x01", 8);
constexpr std::size_t kRecordBytes = 1 + 4 + 8 + 4 + 8 + 4 + 8;
constexpr std::uint64_t kRecordsAtOnce = 10'000;

enum class RecordType : std::uint8_t { kRun = 1, kBlock = 2, kCommit = 3 };

struct Record {
  RecordType type = RecordType::kRun;
  std::uint32_t block = 0;
  std::uint64_t run = 0;
  std::uint32_t rank = 0;
  std::uint64_t offset_bytes = 0;  // of a commit: the archive's size
  std::uint32_t stored_bytes = 0;
};

void write_record(ByteWriter& writer, const Record& record) {
  const std::size_t begin = writer.size();
  writer.write(static_cast<std::uint8_t>(record.type));
  writer.write(record.block);
  writer.write(record.run);
  writer.write(record.rank);
  writer.write(record.offset_bytes);
  writer.write(record.stored_bytes);
  writer.write_bytes(shard::check8(ByteSpan(writer.bytes()).subspan(begin)));
  FZ_CHECK(writer.size() - begin == kRecordBytes);
}

/// Empty when the record is torn or damaged.
std::optional<Record> read_record(ByteSpan bytes) {
  const shard::Check8 check = shard::check8(bytes.first(kRecordBytes - 8));
  if (!std::equal(check.begin(), check.end(), bytes.begin() + (kRecordBytes - 8))) return std::nullopt;
  ByteReader reader(bytes, "journal");
  Record record;
  record.type = static_cast<RecordType>(reader.read<std::uint8_t>());
  record.block = reader.read<std::uint32_t>();
  record.run = reader.read<std::uint64_t>();
  record.rank = reader.read<std::uint32_t>();
  record.offset_bytes = reader.read<std::uint64_t>();
  record.stored_bytes = reader.read<std::uint32_t>();
  return record;
}

void apply(JournalContent& content, const Record& record) {
  switch (record.type) {
    case RecordType::kRun:
      content.runs = std::max(content.runs, record.run);
      break;
    case RecordType::kBlock:
      content.blocks[BlockId{record.block}] = {record.run, Rank{record.rank}, record.offset_bytes, record.stored_bytes};
      break;
    case RecordType::kCommit: {
      // The footer check travels in the two numbers that a commit has no other use for.
      Commit commit;
      commit.archive_bytes = record.offset_bytes;
      std::copy_n(reinterpret_cast<const std::uint8_t*>(&record.run), 8, commit.footer_check.begin());
      content.commit = commit;
      break;
    }
  }
}

void require_journal(const File& file) {
  const std::size_t magic_bytes = std::min<std::uint64_t>(kJournalMagic.size(), file.size_bytes());
  const Bytes begin = file.read_at(0, magic_bytes);
  if (as_string_view(begin) == kJournalMagic.substr(0, magic_bytes)) return;
  fail(ErrorCode::kCorrupt, "{}: not a journal of this version; remove the job directory to start afresh",
       file.path().string());
}

/// Applies the records up to the first that is torn or damaged; returns where that one begins. A few at a time: what
/// the file claims to hold is not to be believed.
std::uint64_t read_records(const File& file, JournalContent& content) {
  const std::uint64_t size_bytes = file.size_bytes();
  std::uint64_t end = std::min<std::uint64_t>(kJournalMagic.size(), size_bytes);
  while (size_bytes - end >= kRecordBytes) {
    const std::uint64_t count = std::min((size_bytes - end) / kRecordBytes, kRecordsAtOnce);
    const Bytes records = file.read_at(end, static_cast<std::size_t>(count * kRecordBytes));
    for (std::size_t i = 0; i < count; ++i, end += kRecordBytes) {
      const auto record = read_record(ByteSpan(records).subspan(i * kRecordBytes, kRecordBytes));
      if (!record) return end;
      apply(content, *record);
    }
  }
  return end;
}

}  // namespace

JournalContent read_journal(const std::filesystem::path& path) {
  const File file = File::open_for_reading(path, false);
  require_journal(file);
  JournalContent content;
  read_records(file, content);
  return content;
}

Journal::Journal(const std::filesystem::path& path) : file_(File::open_for_appending(path)) {
  require_journal(file_);
  if (file_.size_bytes() < kJournalMagic.size()) {
    file_.truncate(0);
    file_.append(as_byte_span(kJournalMagic));
  } else if (const std::uint64_t end = read_records(file_, content_); end != file_.size_bytes()) {
    file_.truncate(end);
  }
  file_.sync();
  sync_directory(path.parent_path());
}

void Journal::append(const Bytes& records) {
  FZ_CHECK(!failed_);
  failed_ = true;  // until everything has gone well
  file_.append(records);
  file_.sync();
  failed_ = false;
}

std::uint64_t Journal::begin_run(std::uint64_t used) {
  ByteWriter writer;
  Record record;
  record.run = std::max(content_.runs, used) + 1;
  write_record(writer, record);
  append(writer.bytes());
  return content_.runs = record.run;
}

void Journal::add_blocks(std::span<const std::pair<BlockId, shard::BlockPlace>> blocks) {
  if (blocks.empty()) return;
  ByteWriter writer;
  for (const auto& [id, place] : blocks) {
    write_record(writer, {RecordType::kBlock, number(id), place.run, number(place.rank), place.offset_bytes,
                          place.stored_bytes});
    content_.blocks[id] = place;
  }
  append(writer.bytes());
}

void Journal::add_commit(const Commit& commit) {
  Record record;
  record.type = RecordType::kCommit;
  std::copy_n(commit.footer_check.begin(), 8, reinterpret_cast<std::uint8_t*>(&record.run));
  record.offset_bytes = commit.archive_bytes;
  ByteWriter writer;
  write_record(writer, record);
  append(writer.bytes());
  content_.commit = commit;
}

}  // namespace fz::coordinator
