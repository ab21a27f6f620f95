#include "shard/quick_codec.h"

#include <algorithm>

#include "base/work_meter.h"
#include "memory/quick_memory.h"
#include "shard/range_coder.h"

namespace fz::shard {
namespace {

/// The only kind of payload so far.
constexpr std::uint8_t kOneStream = 0;

/// Bytes after which the meter advances.
constexpr std::uint32_t kMeterStride = 16384;

template <typename Decide>
void code_bytes(std::uint8_t* bytes, std::uint32_t size, Decide decide) {
  memory::QuickMemory memory(size);
  for (std::uint32_t begin = 0; begin < size;) {
    const std::uint32_t end = begin + std::min(kMeterStride, size - begin);
    memory.code(bytes, end, decide);
    WorkMeter::advance(end - begin);
    begin = end;
  }
}

}  // namespace

std::uint64_t quick_codec_bytes(std::uint32_t raw_bytes) {
  return memory::QuickMemory::table_bytes(raw_bytes) + raw_bytes;
}

Bytes quick_compress(ByteSpan raw) {
  const auto size = static_cast<std::uint32_t>(raw.size());
  RangeEncoder encoder;
  Bytes seen(size);
  std::size_t bits = 0;
  code_bytes(seen.data(), size, [&](Probability zero) {
    const unsigned bit = raw[bits / 8] >> (7 - bits % 8) & 1u;
    ++bits;
    encoder.encode(bit, zero);
    return bit;
  });
  ByteWriter writer;
  writer.write(kOneStream);
  writer.write_bytes(encoder.finish());
  return writer.take();
}

Bytes quick_decompress(ByteSpan payload, std::uint32_t raw_bytes, const std::string& source) {
  ByteReader reader(payload, source);
  if (reader.read<std::uint8_t>() != kOneStream) reader.corrupt("the quick memory has no such kind of payload");
  RangeDecoder decoder(reader.take(reader.remaining()));
  Bytes raw(raw_bytes);
  code_bytes(raw.data(), raw_bytes, [&](Probability zero) { return decoder.decode(zero); });
  return raw;
}

}  // namespace fz::shard
