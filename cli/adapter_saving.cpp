#include "cli/adapter_saving.h"

#include <algorithm>

#include "base/interruption.h"
#include "shard/block_codec.h"

namespace fz::cli {
namespace {

std::vector<BlockId> blocks_of_model(const shard::ArchiveReader& archive) {
  std::vector<BlockId> blocks;
  for (std::uint32_t i = 0; i < archive.blocks().size(); ++i) {
    if (shard::needs_model(archive.blocks()[i].codec)) blocks.push_back(BlockId{i});
  }
  return blocks;
}

std::uint64_t coded_bytes(const shard::ArchiveReader& archive, ByteSpan raw, shard::TextCodec& codec) {
  return codec.encode_one(raw, {.coder = archive.header().token_coder}).size();
}

}  // namespace

AdapterSaving measure_adapter_saving(const shard::ArchiveReader& archive, std::uint64_t blocks, Workplace& workplace) {
  const std::vector<BlockId> all = blocks_of_model(archive);
  AdapterSaving saving{.blocks = std::min<std::uint64_t>(blocks, all.size()), .all_blocks = all.size()};
  for (const BlockId block : all) saving.all_bytes += archive.blocks()[number(block)].payload_bytes;
  shard::TextCodec& codec = workplace.load_model(archive.header().model);
  shard::require_model(archive, codec.identity());
  const Bytes adapter = archive.read_adapter();
  for (std::uint64_t i = 0; i < saving.blocks; ++i) {
    throw_if_interrupted();
    const shard::StoredBlock stored = archive.read_block(all[(2 * i + 1) * all.size() / (2 * saving.blocks)]);
    codec.use_adapter(adapter, archive.name());
    const Bytes raw = shard::decode_block(stored, &codec, archive.name());
    // Coded anew in both ways: an earlier version may have made what is stored.
    saving.with_bytes += coded_bytes(archive, raw, codec);
    codec.use_adapter({}, archive.name());
    saving.without_bytes += coded_bytes(archive, raw, codec);
  }
  return saving;
}

}  // namespace fz::cli
