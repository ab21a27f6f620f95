// One block at a time through functions that take many.
#pragma once

#include "shard/block_codec.h"

namespace fz::test {

inline shard::StoredBlock encode_one_block(const shard::RawBlock& block, shard::TextCodec* text,
                                           shard::TokenCoder coder = shard::TokenCoder::kRange) {
  ThreadPool pool(1);
  return std::move(shard::encode_blocks({&block, 1}, text, {.coder = coder}, pool).front());
}

inline Bytes decode_one_block(const shard::StoredBlock& block, shard::TextCodec* text, const std::string& source) {
  ThreadPool pool(1);
  return std::move(shard::decode_blocks({&block, 1}, text, source, pool).front());
}

}  // namespace fz::test
