// FineZip's coder: the rank of each true token among the logits (ties by token id), as variable-length numbers, bzip2.
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

/// For each block its ranks. What the logs of `checkpoints` know is not asked again.
std::vector<Bytes> encode_with_ranks(model::Engine& engine, std::span<const TokenBlock> blocks,
                                     const Checkpoints& checkpoints = {});

/// `reader` holds what encode_with_ranks returned for the block. Throws Error(kCorrupt) for ranks beyond the vocabulary
/// or too few.
std::unique_ptr<TokenDecoder> make_rank_decoder(const model::Engine& engine, ByteReader& reader,
                                                std::span<const Lane> lanes);

}  // namespace fz::shard
