// FineZip's coder: the rank of each true token among the logits (ties by token id), as variable-length numbers, bzip2.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "model/engine.h"

namespace fz::shard {

Bytes encode_with_ranks(model::Engine& engine, std::span<const model::TokenId> tokens);

/// `reader` holds what encode_with_ranks returned. Throws Error(kCorrupt) for ranks beyond the vocabulary or too few.
std::vector<model::TokenId> decode_with_ranks(model::Engine& engine, ByteReader& reader, std::uint32_t token_count,
                                              std::uint32_t lane_count);

}  // namespace fz::shard
