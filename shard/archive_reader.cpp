#include "shard/archive_reader.h"

#include <algorithm>

#include "base/display.h"
#include "shard/adapter_format.h"
#include "shard/block_codec.h"
#include "shard/fallback_codecs.h"

namespace fz::shard {
namespace {

/// Reads a section whose hash the footer holds, and decompresses it.
Bytes read_section(const File& file, std::uint64_t offset, std::uint32_t size_bytes, std::uint32_t raw_bytes,
                   const Hash16& hash, const std::string& source, const char* what) {
  const Bytes stored = file.read_at(offset, size_bytes);
  if (hash16(stored) != hash) {
    fail(ErrorCode::kCorrupt, "{}: offset {}: the {} is damaged (hash differs)", source, offset, what);
  }
  return zstd_decompress(stored, raw_bytes, fmt::format("{}: {}", source, what));
}

}  // namespace

ArchiveReader::ArchiveReader(const std::filesystem::path& path)
    : name_(display_text(path.native())), file_(File::open_for_reading(path)) {
  archive_bytes_ = file_.size_bytes();
  // The magic first: a short or foreign file is then called what it is.
  const Bytes head = file_.read_at(0, static_cast<std::size_t>(std::min<std::uint64_t>(archive_bytes_, kHeaderBytes)));
  header_ = parse_header(head, name_);
  if (archive_bytes_ < kHeaderBytes + kFooterBytes) {
    fail(ErrorCode::kCorrupt, "{}: {} bytes are too few for an archive; it is truncated", name_, archive_bytes_);
  }
  const std::uint64_t footer_offset = archive_bytes_ - kFooterBytes;
  footer_ = parse_footer(file_.read_at(footer_offset, kFooterBytes), name_, footer_offset);
  if (footer_.table_offset < header_.blocks_offset() || footer_.table_offset > footer_offset ||
      footer_offset - footer_.table_offset != std::uint64_t{footer_.table_bytes} + footer_.index_bytes) {
    fail(ErrorCode::kCorrupt, "{}: offset {}: the parts do not fit the file's size of {} bytes", name_, footer_offset,
         archive_bytes_);
  }
  const std::uint64_t index_offset = footer_.table_offset + footer_.table_bytes;
  blocks_ = parse_block_index(read_section(file_, index_offset, footer_.index_bytes, footer_.index_raw_bytes,
                                           footer_.index_hash, name_, "index"),
                              footer_, name_);
  check_blocks_against_header();
  entries_ = parse_file_table(read_section(file_, footer_.table_offset, footer_.table_bytes, footer_.table_raw_bytes,
                                           footer_.table_hash, name_, "file table"),
                              footer_.corpus_bytes, name_);
}

void ArchiveReader::check_blocks_against_header() const {
  const auto corrupt = [&](const std::string& what) { fail(ErrorCode::kCorrupt, "{}: index: {}", name_, what); };
  if ((blocks_.empty() ? footer_.table_offset : blocks_.front().file_offset) != header_.blocks_offset()) {
    corrupt("the blocks do not end where the file table begins");
  }
  bool model_seen = false;
  for (const IndexedBlock& block : blocks_) {
    if (traits(block.codec).format_version > header_.format_version)
      corrupt(fmt::format("block codec {} does not exist", static_cast<int>(block.codec)));
    if (block.raw_bytes > header_.block_bytes) corrupt("a block's raw size is outside the limits");
    if (!shard::needs_model(block.codec)) continue;
    model_seen = true;
    if (token_coder(block.codec) != header_.token_coder) corrupt("a block's codec is not the header's token coder");
  }
  if (model_seen != needs_model()) corrupt("header and blocks disagree about the model");
}

Bytes ArchiveReader::read_adapter() const {
  if (!has_adapter()) return {};
  Bytes adapter = file_.read_at(kHeaderBytes, static_cast<std::size_t>(header_.adapter_bytes));
  if (read_adapter_summary(adapter, name_).weights_hash != header_.model.weights_hash) {
    fail(ErrorCode::kCorrupt, "{}: the adapter is for another model than the archive", name_);
  }
  return adapter;
}

StoredBlock ArchiveReader::read_block(BlockId id) const {
  FZ_CHECK(number(id) < blocks_.size());
  const IndexedBlock& expected = blocks_[number(id)];
  const Bytes stored = file_.read_at(expected.file_offset, kBlockHeaderBytes + expected.payload_bytes);
  const std::string place = block_place(name_, id, expected.raw_offset);
  StoredBlock block;
  block.header = parse_block_header(ByteSpan(stored).first(kBlockHeaderBytes), place, expected.file_offset);
  if (block.header.id != id || block.header.codec != expected.codec || block.header.raw_offset != expected.raw_offset ||
      block.header.raw_bytes != expected.raw_bytes || block.header.payload_bytes != expected.payload_bytes) {
    fail(ErrorCode::kCorrupt, "{}: block header and index disagree", place);
  }
  block.payload.assign(stored.begin() + kBlockHeaderBytes, stored.end());
  if (check8(block.payload) != block.header.payload_check) {
    fail(ErrorCode::kCorrupt, "{}: the stored bytes are damaged (check differs)", place);
  }
  return block;
}

void require_model(const ArchiveReader& archive, const ModelIdentity& given) {
  const ModelIdentity& wanted = archive.header().model;
  if (wanted.numerics_version != given.numerics_version) {
    fail(ErrorCode::kUnsupported, "{}: made under numerics version {}, this program computes version {}",
         archive.name(), wanted.numerics_version, given.numerics_version);
  }
  if (wanted.weights_hash == given.weights_hash && wanted.context != given.context) {
    fail(ErrorCode::kModel, "{}: says that it was made with a context of {} tokens, but its model has {}",
         archive.name(), wanted.context, given.context);
  }
  if (wanted != given) {
    fail(ErrorCode::kModel,
         "{}: made with model {} (tokenizer {}), but the model at hand is {} (tokenizer {}); give the right one with "
         "--model, or leave that out if it was made without",
         archive.name(), to_hex(wanted.weights_hash, 16), to_hex(wanted.tokenizer_hash, 16),
         to_hex(given.weights_hash, 16), to_hex(given.tokenizer_hash, 16));
  }
}

}  // namespace fz::shard
