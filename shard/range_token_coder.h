// Tokens as binary decisions, one range-coder stream for each lane. Pure but for the engine's scratch.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "model/engine.h"
#include "shard/prediction_log.h"
#include "shard/token_block.h"
#include "shard/token_decoder.h"

namespace fz::shard {

/// For each block its lanes' streams, as join_streams() lays them out.
std::vector<Bytes> encode_with_ranges(model::Engine& engine, std::span<const TokenBlock> blocks,
                                      const Checkpoints& checkpoints);

/// `reader` holds what encode_with_ranges returned for the block; its bytes must outlive the decoder. Throws
/// Error(kCorrupt) when sizes do not fit.
std::unique_ptr<TokenDecoder> make_range_decoder(const model::Engine& engine, ByteReader& reader,
                                                 std::size_t lane_count);

}  // namespace fz::shard
