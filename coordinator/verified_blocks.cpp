#include "coordinator/verified_blocks.h"

#include <sys/stat.h>

#include "base/display.h"
#include "shard/checked_records.h"

namespace fz::coordinator {
namespace {

// File: magic and identity, then records: block, check.
constexpr std::string_view kMagic("FZvrfy\x00\x01", 8);
constexpr std::size_t kHeadBytes = 8 + sizeof(Hash);
constexpr std::size_t kRecordBytes = 4 + sizeof(shard::Check8);

[[noreturn]] void refuse(const std::filesystem::path& path, const char* what) {
  fail(ErrorCode::kOutput, "{}: {}; remove it, or name another file with --continue", display_text(path.native()),
       what);
}

/// An empty one is that of a run which was killed at once.
bool is_new(const File& file, const Bytes& head) {
  const std::uint64_t size_bytes = file.size_bytes();
  if (size_bytes == 0) return true;
  const Bytes found = file.read_at(0, static_cast<std::size_t>(std::min<std::uint64_t>(size_bytes, kHeadBytes)));
  if (!as_string_view(found).starts_with(kMagic.substr(0, found.size())))
    refuse(file.path(), "exists and does not belong to a verify");
  if (found.size() < kHeadBytes) return true;
  if (found != head) refuse(file.path(), "is of another archive, or of this one as it was, or with --quick or without");
  return false;
}

}  // namespace

Hash verification_identity(const std::filesystem::path& path, const shard::ArchiveReader& archive, bool decodes) {
  Hasher hasher;
  hasher.update(shard::serialize_header(archive.header()));
  hasher.update(shard::serialize_footer(archive.footer()));
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) cannot(ErrorCode::kInput, "look at", path);
  ByteWriter writer;
  writer.write(static_cast<std::uint64_t>(status.st_size));
  writer.write(static_cast<std::int64_t>(status.st_mtim.tv_sec));
  writer.write(static_cast<std::int64_t>(status.st_mtim.tv_nsec));
  writer.write(static_cast<std::uint8_t>(decodes));
  hasher.update(writer.bytes());
  return hasher.finish();
}

VerifiedBlocks::VerifiedBlocks(const std::filesystem::path& path, const Hash& identity) {
  if (is_present(path) && !is_plain_file(path)) refuse(path, "is not a plain file");
  file_ = File::open_for_appending(path);
  if (!file_.try_lock()) refuse(path, "is in use by another verify");
  ByteWriter head;
  head.write_bytes(as_byte_span(kMagic));
  head.write_bytes(identity);
  if (is_new(file_, head.bytes())) {
    file_.truncate(0);
    file_.append(head.bytes());
    return;
  }
  const std::uint64_t end_bytes = shard::read_checked_records(file_, kHeadBytes, kRecordBytes, [&](ByteSpan record) {
    blocks_.insert(BlockId{ByteReader(record, path.string()).read<std::uint32_t>()});
  });
  file_.truncate(end_bytes);
}

void VerifiedBlocks::add(std::span<const BlockId> blocks) {
  ByteWriter writer;
  for (const BlockId block : blocks)
    shard::write_checked_record(writer, [&](ByteWriter& record) { record.write(number(block)); });
  file_.append(writer.bytes());
}

void VerifiedBlocks::remove() {
  std::error_code error;
  std::filesystem::remove(file_.path(), error);
}

}  // namespace fz::coordinator
