// The range-coder streams of a block's lanes, one after another (docs/format.md, "Body of codec 3"). Pure functions.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "shard/range_coder.h"

namespace fz::shard {

/// Ends all streams. Each is preceded by its size but the last; the sizes come first.
inline Bytes join_streams(std::vector<RangeEncoder>& encoders) {
  ByteWriter sizes;
  ByteWriter streams;
  for (std::size_t lane = 0; lane < encoders.size(); ++lane) {
    const Bytes stream = encoders[lane].finish();
    if (lane + 1 < encoders.size()) sizes.write_varint(stream.size());
    streams.write_bytes(stream);
  }
  sizes.write_bytes(streams.bytes());
  return sizes.take();
}

/// Takes all that is left of `reader`. Throws Error(kCorrupt) when the sizes do not fit.
inline std::vector<RangeDecoder> split_streams(ByteReader& reader, std::uint32_t lane_count) {
  std::vector<std::uint64_t> sizes;
  for (std::uint32_t lane = 0; lane + 1 < lane_count; ++lane) sizes.push_back(reader.read_varint());
  std::vector<RangeDecoder> decoders;
  for (const std::uint64_t size_bytes : sizes) decoders.emplace_back(reader.take(size_bytes));
  decoders.emplace_back(reader.take(reader.remaining()));
  return decoders;
}

}  // namespace fz::shard
