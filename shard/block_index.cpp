#include "shard/block_index.h"

#include <algorithm>

namespace fz::shard {
namespace {

constexpr std::size_t kSmallestIndexRecordBytes = 3;
/// A few hundred bytes of zstd can state millions: memory is taken as records turn out to be there.
constexpr std::uint32_t kReservedBlocks = 1 << 16;

}  // namespace

std::vector<IndexedBlock> parse_block_index(ByteSpan bytes, const Footer& footer, const std::string& source) {
  ByteReader reader(bytes, source + ": index");
  if (footer.block_count > reader.remaining() / kSmallestIndexRecordBytes)
    reader.corrupt("more blocks than there are bytes for");
  std::vector<IndexedBlock> blocks;
  blocks.reserve(std::min(footer.block_count, kReservedBlocks));
  std::uint64_t file_offset = 0;  // from the first block
  std::uint64_t raw_offset = 0;
  for (std::uint32_t i = 0; i < footer.block_count; ++i) {
    const auto codec = reader.read<std::uint8_t>();
    const std::uint64_t raw_bytes = reader.read_varint();
    const std::uint64_t payload_bytes = reader.read_varint();
    if (codec >= kCodecs.size()) reader.corrupt(fmt::format("block codec {} does not exist", codec));
    if (raw_bytes == 0 || raw_bytes > kMaxBlockBytes) reader.corrupt("a block's raw size is outside the limits");
    if (payload_bytes == 0 || payload_bytes > raw_bytes) reader.corrupt("a block's payload size is outside the limits");
    blocks.push_back({static_cast<Codec>(codec), raw_offset, static_cast<std::uint32_t>(raw_bytes),
                      static_cast<std::uint32_t>(payload_bytes), file_offset});
    raw_offset += raw_bytes;  // at most 2^32 blocks of 2^26 bytes: no overflow
    file_offset += kBlockHeaderBytes + payload_bytes;
  }
  reader.expect_end();
  if (file_offset + kHeaderBytes > footer.table_offset) {
    reader.corrupt("the blocks do not end where the file table begins");
  }
  for (IndexedBlock& block : blocks) block.file_offset += footer.table_offset - file_offset;
  if (raw_offset != footer.corpus_bytes) reader.corrupt("the blocks do not add up to the corpus");
  return blocks;
}

}  // namespace fz::shard
