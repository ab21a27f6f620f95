// What the block codec needs of a language model: text to payload and back, several blocks at a time, so that their
// lanes are stepped together and every thread has work. The real one wraps LanguageModelCodec (put together in cli/);
// tests have a fake. One caller at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "shard/archive_format.h"
#include "shard/lanes.h"
#include "shard/prediction_log.h"

namespace fz::model {
struct Model;
}

namespace fz::shard {

struct EncodeSettings {
  TokenCoder coder = TokenCoder::kMixed;
  MemoryCoder memory_coder = MemoryCoder::kThorough;  ///< Of blocks without a model.
  std::uint32_t lane_limit = kMaxLanes;               ///< Most lanes of a block: bounds what a decoder needs.
  /// Of chunks, in tokens, at most half the context; default: what pays.
  std::optional<std::uint32_t> overlap = std::nullopt;
  Checkpoints checkpoints{};
};

/// A block's payload on its way back.
struct StoredPayload {
  ByteSpan payload;
  std::uint32_t raw_bytes = 0;
  Codec codec = Codec::kTunedMixed;  ///< One that needs a model.
  std::string source;                ///< Archive and block, for errors.
};

/// What working on blocks takes. Memory is an upper bound for blocks of the stated size.
struct Footprint {
  std::uint64_t fixed_bytes = 0;
  std::uint64_t bytes_per_block = 0;
  std::uint32_t useful_blocks = 1;  ///< More of them at a time bring no more speed.

  /// How many blocks to work on at a time: at least 1, even where that is more than the limit.
  std::uint32_t blocks_within(std::uint64_t limit_bytes) const;
};

enum class Direction { kEncode, kDecode };

class TextCodec {
 public:
  virtual ~TextCodec() = default;
  Bytes encode_one(ByteSpan block, const EncodeSettings& settings) {
    return std::move(encode({&block, 1}, settings)[0]);
  }
  Bytes decode_one(const StoredPayload& block) { return std::move(decode({&block, 1}, {})[0]); }
  /// The payload of each block; the same whatever other blocks go along.
  virtual std::vector<Bytes> encode(std::span<const ByteSpan> blocks, const EncodeSettings& settings) = 0;
  /// The raw bytes of each block. Throws Error(kCorrupt); may also return wrong bytes, which the block's hash finds.
  virtual std::vector<Bytes> decode(std::span<const StoredPayload> blocks, const Checkpoints& checkpoints) = 0;
  /// From now on the model computes with this adapter (shard/adapter_format.h), as blocks of an archive with an adapter
  /// want it; empty: with none, as at first. Throws Error(kCorrupt), or Error(kModel) for an adapter of another model;
  /// then nothing has changed.
  virtual void use_adapter(ByteSpan adapter, const std::string& source) = 0;
  /// The adapter is no part of it.
  virtual ModelIdentity identity() const = 0;
  /// What an adapter can be trained for; null when there is nothing of the kind.
  virtual const model::Model* language_model() const { return nullptr; }
  virtual Footprint footprint(Direction direction, std::uint32_t block_bytes) const = 0;
  /// The most lanes with which one block can be decoded within the limit.
  virtual std::uint32_t lane_limit(std::uint64_t limit_bytes) const = 0;
};

/// Makes the codec when the first block needs it: an archive without model blocks loads no model. Of the models at hand
/// it takes the one that is wanted, with the context that is wanted of it; the caller checks that it was there. Where none
/// is named it is the default one.
using TextCodecFactory = std::function<std::unique_ptr<TextCodec>(const ModelIdentity& wanted)>;

}  // namespace fz::shard
