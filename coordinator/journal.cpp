#include "coordinator/journal.h"

#include <algorithm>

#include "shard/checked_records.h"

namespace fz::coordinator {
namespace {

// File: magic and the plan's check, then records of fixed size: type, numbers and a check. Fixed size makes a torn tail
// easy to see.
constexpr std::string_view kJournalMagic("FZjrnl\x00\x02", 8);
constexpr std::size_t kHeadBytes = 8 + 8;
constexpr std::size_t kRecordBytes = 1 + 4 + 8 + 4 + 8 + 4 + 8;
/// Nobody starts a job as often; leaves room to count on from what a file says.
constexpr std::uint64_t kMaxRuns = std::uint64_t{1} << 48;

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
  shard::write_checked_record(writer, [&](ByteWriter& target) {
    target.write(static_cast<std::uint8_t>(record.type));
    target.write(record.block);
    target.write(record.run);
    target.write(record.rank);
    target.write(record.offset_bytes);
    target.write(record.stored_bytes);
  });
  FZ_CHECK(writer.size() - begin == kRecordBytes);
}

/// Without its check.
Record parse_record(ByteSpan bytes) {
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

void apply(JournalContent& content, const Record& record, const shard::JobPart& part) {
  switch (record.type) {
    case RecordType::kRun:
      content.runs = std::max(content.runs, record.run);
      break;
    case RecordType::kBlock:
      content.blocks[BlockId{record.block}] = {record.run, Rank{record.rank}, record.offset_bytes, record.stored_bytes,
                                               part};
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

/// What a journal file holds, and where its last whole record ends; 0: not even its head is whole.
struct ReadJournal {
  JournalContent content;
  std::uint64_t end_bytes = 0;
};

ReadJournal read(const File& file, const shard::JobPart& part) {
  const std::uint64_t size_bytes = file.size_bytes();
  const Bytes head = file.read_at(0, static_cast<std::size_t>(std::min<std::uint64_t>(size_bytes, kHeadBytes)));
  const std::string_view magic = as_string_view(head).substr(0, kJournalMagic.size());
  if (magic != kJournalMagic.substr(0, magic.size())) {
    fail(ErrorCode::kCorrupt, "{}: not a journal of this version; remove it, and what it named is made again",
         file.path().string());
  }
  ReadJournal journal;
  if (head.size() < kHeadBytes) return journal;
  std::copy_n(head.begin() + 8, 8, journal.content.plan_check.begin());
  journal.end_bytes = shard::read_checked_records(
      file, kHeadBytes, kRecordBytes, [&](ByteSpan record) { apply(journal.content, parse_record(record), part); });
  return journal;
}

}  // namespace

JournalContent read_journal(const std::filesystem::path& path, const shard::JobPart& part) {
  return read(File::open_for_reading(path), part).content;
}

Journal::Journal(const std::filesystem::path& path, const shard::Check8& plan_check, const shard::JobPart& part)
    : file_(File::open_for_appending(path)), part_(part) {
  ReadJournal journal = read(file_, part);
  if (journal.end_bytes == 0 || journal.content.plan_check != plan_check) {
    journal = {};
    journal.content.plan_check = plan_check;
    file_.truncate(0);
    ByteWriter head;
    head.write_bytes(as_byte_span(kJournalMagic));
    head.write_bytes(plan_check);
    file_.append(head.bytes());
  } else if (journal.end_bytes != file_.size_bytes()) {
    file_.truncate(journal.end_bytes);
  }
  content_ = std::move(journal.content);
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
  if (record.run == 0 || record.run > kMaxRuns) {
    fail(ErrorCode::kCorrupt, "{}: or a shard file beside it has an impossible run number; remove the job directory",
         file_.path().string());
  }
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
    FZ_CHECK(place.part == part_);
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
