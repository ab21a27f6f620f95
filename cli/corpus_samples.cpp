#include "cli/corpus_samples.h"

#include <algorithm>

#include "shard/corpus_reader.h"

namespace fz::cli {

KindRange range_of(const shard::Plan& plan, shard::Kind kind) {
  KindRange range;
  for (const shard::PlanBlock& block : plan.blocks) {
    if (block.kind != kind) continue;
    if (range.blocks++ == 0) range.begin = block.raw_offset;
    range.size_bytes += block.raw_bytes;
  }
  return range;
}

std::vector<shard::RawBlock> read_samples(const shard::Plan& plan, shard::Kind kind, std::uint32_t piece_bytes,
                                          std::uint64_t most_pieces) {
  const KindRange range = range_of(plan, kind);
  const std::uint64_t pieces = (range.size_bytes + piece_bytes - 1) / piece_bytes;
  const std::uint64_t count = std::min(pieces, most_pieces);
  const shard::CorpusReader reader(plan);
  std::vector<shard::RawBlock> samples;
  for (std::uint64_t i = 0; i < count; ++i) {
    // In units of pieces, so that they do not overlap.
    const std::uint64_t offset = pieces * i / count * piece_bytes;
    const auto size = static_cast<std::uint32_t>(std::min<std::uint64_t>(piece_bytes, range.size_bytes - offset));
    const auto id = BlockId{static_cast<std::uint32_t>(i)};
    samples.push_back({id, range.begin + offset, reader.read({range.begin + offset, size, kind}), kind});
  }
  return samples;
}

}  // namespace fz::cli
