// Pieces of a corpus that stand for all of it. Pure functions but for the reading.
#pragma once

#include <cstdint>
#include <vector>

#include "shard/block_codec.h"
#include "shard/plan.h"

namespace fz::cli {

/// The blocks of a kind, which follow one another in the corpus stream.
struct KindRange {
  std::uint64_t begin = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t blocks = 0;
};
KindRange range_of(const shard::Plan& plan, shard::Kind kind);

/// At most so many pieces of a kind, evenly spread, each of `piece_bytes` but perhaps the last one; all of a small
/// range.
std::vector<shard::RawBlock> read_samples(const shard::Plan& plan, shard::Kind kind, std::uint32_t piece_bytes,
                                          std::uint64_t most_pieces);

}  // namespace fz::cli
