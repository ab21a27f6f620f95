#include "shard/memory_codec.h"

#include <bit>

#include "base/work_meter.h"
#include "memory/memory.h"
#include "shard/lane_streams.h"
#include "shard/lanes.h"

namespace fz::shard {
namespace {

constexpr int kDecisionsOfByte = 8;
/// More lanes would be a few per cent faster, as the tables' places are fetched ahead, and a few per cent larger. Ranks
/// and threads work on different blocks.
constexpr std::uint32_t kLanes = 1;

/// Steps of a lane after which the meter advances.
constexpr std::uint32_t kMeterStride = 4096;

const memory::Alphabet& bytes_of(memory::Contents contents) {
  static const memory::Alphabet text = memory::Alphabet::of_bytes(memory::Contents::kText);
  static const memory::Alphabet binary = memory::Alphabet::of_bytes(memory::Contents::kBinary);
  return contents == memory::Contents::kText ? text : binary;
}

/// Steps all lanes through their bytes: decide(lane, index, level, zero) names the decision for the byte at `index`.
template <typename Decide, typename Done>
void code_bytes(memory::Contents contents, const std::vector<Lane>& lanes, const Decide& decide, const Done& done) {
  memory::Memory memory(bytes_of(contents), lanes, {});
  const std::uint32_t longest = longest_lane(lanes);
  for (std::uint32_t t = 0; t < longest; ++t) {
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      if (memory.is_active(lane)) memory.prepare(lane);
    }
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      if (!memory.is_active(lane)) continue;
      const std::uint32_t index = lanes[lane].begin + t;
      unsigned byte = 0;
      for (int level = 0; level < kDecisionsOfByte; ++level) {
        const unsigned bit = decide(lane, index, level, memory.mix(lane, level, 0));
        memory.learn(lane, bit);
        byte = byte << 1 | bit;
      }
      done(index, static_cast<std::uint8_t>(byte));
    }
    memory.end_step(nullptr);
    if ((t + 1) % kMeterStride == 0) WorkMeter::advance(kMeterStride * lanes.size());
  }
}

}  // namespace

std::uint64_t memory_codec_bytes(std::uint32_t raw_bytes) {
  return memory::Memory::table_bytes(bytes_of(memory::Contents::kBinary), raw_bytes) +
         raw_bytes * sizeof(memory::Symbol);
}

Bytes memory_compress(ByteSpan raw, memory::Contents contents) {
  const auto size = static_cast<std::uint32_t>(raw.size());
  const std::vector<Lane> lanes = divide_into_lanes(size, 1, kLanes);
  std::vector<RangeEncoder> encoders(kLanes);
  code_bytes(
      contents, lanes,
      [&](std::size_t lane, std::uint32_t index, int level, Probability zero) {
        const unsigned bit = raw[index] >> (kDecisionsOfByte - 1 - level) & 1;
        encoders[lane].encode(bit, zero);
        return bit;
      },
      [](std::uint32_t, std::uint8_t) {});
  ByteWriter writer;
  writer.write<std::uint8_t>(static_cast<std::uint8_t>(std::bit_width(kLanes) - 1));
  writer.write_bytes(join_streams(encoders));
  return writer.take();
}

Bytes memory_decompress(ByteSpan payload, std::uint32_t raw_bytes, memory::Contents contents,
                        const std::string& source) {
  ByteReader reader(payload, source);
  const std::uint32_t lane_count = read_lane_count(reader, raw_bytes);
  std::vector<RangeDecoder> decoders = split_streams(reader, lane_count);
  Bytes raw(raw_bytes);
  code_bytes(
      contents, divide_into_lanes(raw_bytes, 1, lane_count),
      [&](std::size_t lane, std::uint32_t, int, Probability zero) { return decoders[lane].decode(zero); },
      [&](std::uint32_t index, std::uint8_t byte) { raw[index] = byte; });
  return raw;
}

}  // namespace fz::shard
