// Tokens as binary decisions, one range-coder stream for each lane. Pure but for the engine's scratch.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/engine.h"

namespace fz::shard {

/// The lanes' streams, each preceded by its size but the last.
Bytes encode_with_ranges(model::Engine& engine, std::span<const model::TokenId> tokens, std::uint32_t lane_count);

/// `reader` holds what encode_with_ranges returned. Throws Error(kCorrupt) when sizes do not fit.
std::vector<model::TokenId> decode_with_ranges(model::Engine& engine, ByteReader& reader, std::uint32_t token_count,
                                               std::uint32_t lane_count);

}  // namespace fz::shard
