// Tokens as binary decisions that the model and the memory predict together, one range-coder stream for each lane; each
// block has a memory of its own. Pure but for the engine's scratch.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "memory/alphabet.h"
#include "model/engine.h"
#include "shard/archive_format.h"
#include "shard/prediction_log.h"
#include "shard/token_block.h"
#include "shard/token_decoder.h"

namespace fz::shard {

/// For each block its lanes' streams, as join_streams() lays them out. `alphabet`: the model's tokens.
std::vector<Bytes> encode_mixed(model::Engine& engine, const memory::Alphabet& alphabet,
                                std::span<const TokenBlock> blocks, const Checkpoints& checkpoints);

/// `reader` holds what encode_mixed returned for the block; its bytes and the alphabet must outlive the decoder. Throws
/// Error(kCorrupt) when sizes do not fit. `codec`: the block's.
std::unique_ptr<TokenDecoder> make_mixed_decoder(const model::Engine& engine, const memory::Alphabet& alphabet,
                                                 ByteReader& reader, std::span<const Lane> lanes, Codec codec);

}  // namespace fz::shard
