// The codecs of blocks (docs/format.md, "Block"): what the format says of each number, in one table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/error.h"

namespace fz::shard {

enum class Codec : std::uint8_t {
  kStored = 0,
  kZstd = 1,
  kBzip2 = 2,
  kModelRange = 3,
  kModelRanks = 4,
  kModelMixed = 5,
  kMemory = 6,
  kOverlappingRange = 7,
  kOverlappingRanks = 8,
  kOverlappingMixed = 9,
  kQuick = 10,
  kBinaryMemory = 11,
  kTunedMixed = 12,
};

/// How a lane's tokens become bits.
enum class TokenCoder : std::uint8_t {
  kRange = 0,  ///< Binary decisions down the code tree, one range-coder stream per lane; the model alone.
  kRanks = 1,  ///< FineZip's: rank of the true token among the logits, then bzip2.
  kMixed = 2,  ///< As kRange, with the memory's predictions mixed in.
};

/// How blocks that no model codes become bits.
enum class MemoryCoder : std::uint8_t {
  kThorough = 0,  ///< The memory over bytes (Codec::kMemory, kBinaryMemory).
  kQuick = 1,     ///< The quick memory: five times the speed, a few per cent larger.
};

/// What the format says of a codec.
struct CodecTraits {
  const char* name;
  std::uint16_t format_version;           ///< The first that has it.
  std::optional<TokenCoder> token_coder;  ///< Without one it needs no model.
  bool overlaps;                          ///< Do the model's chunks?
};
/// By number, and so by format version. Mixed codecs differ in their rules of the memory, too.
inline constexpr std::array kCodecs = {
    CodecTraits{"stored", 1, {}, false},
    CodecTraits{"zstd", 1, {}, false},
    CodecTraits{"bzip2", 1, {}, false},
    CodecTraits{"model-range", 1, TokenCoder::kRange, false},
    CodecTraits{"model-ranks", 1, TokenCoder::kRanks, false},
    CodecTraits{"model-mixed", 2, TokenCoder::kMixed, false},
    CodecTraits{"memory", 2, {}, false},
    CodecTraits{"overlapping-range", 4, TokenCoder::kRange, true},
    CodecTraits{"overlapping-ranks", 4, TokenCoder::kRanks, true},
    CodecTraits{"overlapping-mixed", 4, TokenCoder::kMixed, true},
    CodecTraits{"quick", 5, {}, false},
    CodecTraits{"binary-memory", 6, {}, false},
    CodecTraits{"tuned-mixed", 7, TokenCoder::kMixed, true},
};
constexpr const CodecTraits& traits(Codec codec) {
  FZ_CHECK(static_cast<std::size_t>(codec) < kCodecs.size());
  return kCodecs[static_cast<std::size_t>(codec)];
}
constexpr bool needs_model(Codec codec) {
  return traits(codec).token_coder.has_value();
}
/// Of a codec that needs a model.
constexpr TokenCoder token_coder(Codec codec) {
  FZ_CHECK(needs_model(codec));
  return *traits(codec).token_coder;
}
/// What this version writes.
constexpr Codec model_codec(TokenCoder coder) {
  constexpr std::array kWritten = {Codec::kOverlappingRange, Codec::kOverlappingRanks, Codec::kTunedMixed};
  return kWritten[static_cast<std::size_t>(coder)];
}
const char* coder_name(TokenCoder coder);
inline constexpr std::array kTokenCoders = {TokenCoder::kMixed, TokenCoder::kRange, TokenCoder::kRanks};
/// The first token coder number that a format version does not know.
constexpr int coder_count(std::uint16_t format_version) {
  return format_version == 1 ? 2 : 3;
}

}  // namespace fz::shard
