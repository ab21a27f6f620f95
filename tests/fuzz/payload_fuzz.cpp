// A block's payload, of every codec: whatever it holds, it decodes to so many bytes or is refused. The first byte
// chooses the codec.
#include "shard/fallback_codecs.h"
#include "shard/language_model_codec.h"
#include "shard/memory_codec.h"
#include "shard/quick_codec.h"
#include "tests/exact/random_model.h"
#include "tests/fuzz/fuzz_target.h"

namespace fz::fuzz {
namespace {

constexpr std::uint32_t kRawBytes = 150;

shard::LanguageModelCodec& codec() {
  static shard::LanguageModelCodec made(test::random_model(7, {400, 16, 1, 2, 1, 8, 16, 16, 0, 1e-5f, false}),
                                        std::make_shared<ThreadPool>(1), "scalar");
  return made;
}

Bytes sample() {
  Bytes raw;
  for (std::uint32_t i = 0; i < kRawBytes; ++i)
    raw.push_back(static_cast<std::uint8_t>("a line of text\n"[i * i % 15]));
  return raw;
}

}  // namespace

std::vector<Bytes> seeds() {
  const Bytes raw = sample();
  std::vector<Bytes> inputs = {
      with_kind(shard::Codec::kZstd, shard::zstd_compress(raw)),
      with_kind(shard::Codec::kBzip2, shard::bzip2_compress(raw)),
      with_kind(shard::Codec::kMemory, shard::memory_compress(raw, memory::Contents::kText)),
      with_kind(shard::Codec::kBinaryMemory, shard::memory_compress(raw, memory::Contents::kBinary)),
      with_kind(shard::Codec::kQuick, shard::quick_compress(raw))};
  for (const shard::TokenCoder coder : shard::kTokenCoders)
    inputs.push_back(with_kind(shard::model_codec(coder), codec().encode_one(raw, {coder})));
  return inputs;
}

void use(ByteSpan input) {
  // The reader of block headers refuses other codecs.
  if (input.empty() || input[0] >= shard::kCodecs.size()) return;
  const ByteSpan payload = input.subspan(1);
  const auto kind = static_cast<shard::Codec>(input[0]);
  if (kind == shard::Codec::kZstd) {
    shard::zstd_decompress(payload, kRawBytes, "fuzz");
  } else if (kind == shard::Codec::kBzip2) {
    shard::bzip2_decompress(payload, kRawBytes, "fuzz");
  } else if (kind == shard::Codec::kMemory) {
    shard::memory_decompress(payload, kRawBytes, memory::Contents::kText, "fuzz");
  } else if (kind == shard::Codec::kBinaryMemory) {
    shard::memory_decompress(payload, kRawBytes, memory::Contents::kBinary, "fuzz");
  } else if (kind == shard::Codec::kQuick) {
    shard::quick_decompress(payload, kRawBytes, "fuzz");
  } else if (shard::needs_model(kind)) {
    codec().decode_one({payload, kRawBytes, kind, "fuzz"});
  }
}

}  // namespace fz::fuzz
