#include "shard/archive_writer.h"

#include <limits>

#include "shard/fallback_codecs.h"

namespace fz::shard {
namespace {

std::uint32_t section_bytes(const File& file, std::size_t size_bytes) {
  if (size_bytes > std::numeric_limits<std::uint32_t>::max()) {
    fail(ErrorCode::kUnsupported, "{}: the file table would exceed 4 GiB; archive fewer files at once",
         file.path().string());
  }
  return static_cast<std::uint32_t>(size_bytes);
}

}  // namespace

ArchiveWriter::ArchiveWriter(const File& file, const Header& header, ByteSpan adapter)
    : file_(file), file_offset_(header.blocks_offset()) {
  FZ_CHECK(header.adapter_bytes == adapter.size());
  file_.append(serialize_header(header));
  if (!adapter.empty()) file_.append(adapter);
}

void ArchiveWriter::append_block(const BlockHeader& header, ByteSpan stored) {
  FZ_CHECK(number(header.id) == block_count_ && header.raw_offset == raw_offset_);
  FZ_CHECK(stored.size() == kBlockHeaderBytes + header.payload_bytes);
  file_.append(stored);
  index_.write(static_cast<std::uint8_t>(header.codec));
  index_.write_varint(header.raw_bytes);
  index_.write_varint(header.payload_bytes);
  file_offset_ += stored.size();
  raw_offset_ += header.raw_bytes;
  ++block_count_;
}

std::uint64_t ArchiveWriter::finish(std::span<const FileEntry> entries) {
  validate_file_table(entries, raw_offset_, file_.path().string());
  const Bytes table = serialize_file_table(entries);
  const Bytes stored_table = zstd_compress(table);
  const Bytes stored_index = zstd_compress(index_.bytes());
  Footer footer;
  footer.table_offset = file_offset_;
  footer.table_bytes = section_bytes(file_, stored_table.size());
  footer.table_raw_bytes = section_bytes(file_, table.size());
  footer.index_bytes = section_bytes(file_, stored_index.size());
  footer.index_raw_bytes = section_bytes(file_, index_.size());
  footer.block_count = block_count_;
  footer.corpus_bytes = raw_offset_;
  footer.table_hash = hash16(stored_table);
  footer.index_hash = hash16(stored_index);
  file_.append(stored_table);
  file_.append(stored_index);
  file_.append(serialize_footer(footer));
  return file_offset_ + stored_table.size() + stored_index.size() + kFooterBytes;
}

}  // namespace fz::shard
