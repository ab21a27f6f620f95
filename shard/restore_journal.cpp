#include "shard/restore_journal.h"

#include <algorithm>
#include <cstdio>

namespace fz::shard {
namespace {

// File: magic, then records of fixed size: block, hash and a check of both.
constexpr std::string_view kMagic("FZrest\x00\x01", 8);
constexpr std::size_t kCheckedBytes = 4 + 16;
constexpr std::size_t kRecordBytes = kCheckedBytes + 8;
constexpr std::uint64_t kRecordsAtOnce = 10'000;

/// Up to the first record that is not whole: a journal ends where its writer was killed. A few at a time: what the file
/// claims to hold is not to be believed.
void read_records(const File& file, RestoreClaims& claims) {
  const std::uint64_t size_bytes = file.size_bytes();
  if (size_bytes < kMagic.size() || as_string_view(file.read_at(0, kMagic.size())) != kMagic) return;
  std::uint64_t offset = kMagic.size();
  while (size_bytes - offset >= kRecordBytes) {
    const std::uint64_t count = std::min((size_bytes - offset) / kRecordBytes, kRecordsAtOnce);
    const Bytes records = file.read_at(offset, static_cast<std::size_t>(count * kRecordBytes));
    offset += records.size();
    for (std::size_t i = 0; i < count; ++i) {
      const ByteSpan record = ByteSpan(records).subspan(i * kRecordBytes, kRecordBytes);
      const Check8 check = check8(record.first(kCheckedBytes));
      if (!std::equal(check.begin(), check.end(), record.begin() + kCheckedBytes)) return;
      ByteReader reader(record, "restore journal");
      const BlockId block{reader.read<std::uint32_t>()};
      std::copy_n(record.begin() + 4, 16, claims.blocks[block].begin());
    }
  }
}

/// Pieces do not overlap and lie in the order of the block.
bool are_whole(const BlockHeader& block, std::span<const ByteSpan> pieces) {
  std::uint64_t size_bytes = 0;
  for (const ByteSpan piece : pieces) size_bytes += piece.size();
  return size_bytes == block.raw_bytes;
}

/// Of the raw bytes of a whole block; of a part of one, with the block's hash before it.
Hash16 hash_of(const BlockHeader& block, std::span<const ByteSpan> pieces) {
  Hasher hasher;
  if (!are_whole(block, pieces)) hasher.update(block.raw_hash);
  for (const ByteSpan piece : pieces) hasher.update(piece);
  const Hash whole = hasher.finish();
  Hash16 hash;
  std::copy_n(whole.begin(), hash.size(), hash.begin());
  return hash;
}

}  // namespace

std::string restore_journal_name(std::uint64_t run, Rank rank) {
  return fmt::format("done-{}-{}", run, number(rank));
}

Hash16 restored_hash(const BlockHeader& block, std::span<const ByteSpan> pieces) {
  return are_whole(block, pieces) ? block.raw_hash : hash_of(block, pieces);
}

bool is_restored(const BlockHeader& block, std::span<const ByteSpan> pieces, const Hash16& claim) {
  return hash_of(block, pieces) == (are_whole(block, pieces) ? block.raw_hash : claim);
}

RestoreJournalWriter::RestoreJournalWriter(const std::filesystem::path& staging, std::uint64_t run, Rank rank)
    : file_(File::create(staging / restore_journal_name(run, rank))) {
  file_.append(as_byte_span(kMagic));
}

void RestoreJournalWriter::add(BlockId block, const Hash16& hash) {
  ByteWriter record;
  record.write(number(block));
  record.write_bytes(hash);
  record.write_bytes(check8(record.bytes()));
  FZ_CHECK(record.size() == kRecordBytes);
  file_.append(record.bytes());
}

RestoreClaims read_restore_journals(const std::filesystem::path& staging) {
  RestoreClaims claims;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(staging, error)) {
    unsigned long long run = 0;
    unsigned rank = 0;
    if (std::sscanf(item.path().filename().c_str(), "done-%llu-%u", &run, &rank) != 2) continue;
    claims.runs = std::max<std::uint64_t>(claims.runs, run);
    // To open anything but a file might wait for ever.
    if (item.symlink_status(error).type() != std::filesystem::file_type::regular) continue;
    try {
      read_records(File::open_for_reading(item.path(), false), claims);
    } catch (const Error&) {
      // Not readable: it claims nothing.
    }
  }
  return claims;
}

}  // namespace fz::shard
