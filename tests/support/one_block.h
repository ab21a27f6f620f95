// One block at a time through a function that takes many.
#pragma once

#include "shard/block_codec.h"

namespace fz::test {

inline shard::StoredBlock encode_one_block(const shard::RawBlock& block, shard::TextCodec* text,
                                           shard::TokenCoder coder = shard::TokenCoder::kRange) {
  ThreadPool pool(1);
  return std::move(shard::encode_blocks({&block, 1}, text, {.coder = coder}, pool).front());
}

}  // namespace fz::test
