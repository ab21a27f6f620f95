#include "shard/restore_journal.h"

#include <algorithm>
#include <cstdio>

#include "shard/checked_records.h"
#include "shard/prediction_log.h"

namespace fz::shard {
namespace {

// File: magic, then records of fixed size: block, hash and a check of both.
constexpr std::string_view kMagic("FZrest\x00\x01", 8);
constexpr std::size_t kRecordBytes = 4 + 16 + 8;

void read_records(const File& file, RestoreClaims& claims) {
  const std::uint64_t size_bytes = file.size_bytes();
  if (size_bytes < kMagic.size() || as_string_view(file.read_at(0, kMagic.size())) != kMagic) return;
  read_checked_records(file, kMagic.size(), kRecordBytes, [&](ByteSpan record) {
    ByteReader reader(record, "restore journal");
    const BlockId block{reader.read<std::uint32_t>()};
    std::copy_n(record.begin() + 4, 16, claims.blocks[block].begin());
  });
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
    const std::string name = item.path().filename().string();
    claims.runs = std::max(claims.runs, run_of_prediction_log(name));
    unsigned long long run = 0;
    unsigned rank = 0;
    if (std::sscanf(name.c_str(), "done-%llu-%u", &run, &rank) != 2) continue;
    claims.runs = std::max<std::uint64_t>(claims.runs, run);
    if (!is_plain_file(item.path())) continue;
    try {
      read_records(File::open_for_reading(item.path(), false), claims);
    } catch (const Error&) {
      // Not readable: it claims nothing.
    }
  }
  return claims;
}

}  // namespace fz::shard
