// Steps all lanes of several blocks together on the decoder's side: token t of every lane before token t + 1 of any.
// The more lanes, the more rows share each reading of the weights. One thread calling, parallel inside.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "model/engine.h"
#include "shard/prediction_log.h"
#include "shard/token_block.h"
#include "shard/token_decoder.h"

namespace fz::shard {

/// Fills in the tokens of every block, which has its lanes and room for the tokens already; decoders[b] decides for
/// block b. The model is not asked about chunks that the logs of `checkpoints` know; the others are kept there.
void step_through_blocks(model::Engine& engine, std::span<TokenBlock> blocks,
                         std::span<const std::unique_ptr<TokenDecoder>> decoders, const Checkpoints& checkpoints);

}  // namespace fz::shard
