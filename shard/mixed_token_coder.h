// Tokens as binary decisions that the model and the memory predict together, one range-coder stream for each lane. Pure
// but for the engine's scratch.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "memory/alphabet.h"
#include "model/engine.h"

namespace fz::shard {

/// The lanes' streams, as join_streams() lays them out. `alphabet`: the model's tokens.
Bytes encode_mixed(model::Engine& engine, const memory::Alphabet& alphabet, std::span<const model::TokenId> tokens,
                   std::uint32_t lane_count);

/// `reader` holds what encode_mixed returned. Throws Error(kCorrupt) when sizes do not fit.
std::vector<model::TokenId> decode_mixed(model::Engine& engine, const memory::Alphabet& alphabet, ByteReader& reader,
                                         std::uint32_t token_count, std::uint32_t lane_count);

}  // namespace fz::shard
