// A stand-in for the language model: zstd with the known text as dictionary, so that it wins on known text, and loses
// elsewhere.
#pragma once

#include <zstd.h>

#include <memory>

#include "shard/adapter_format.h"
#include "shard/text_codec.h"
#include "support/small_corpus.h"

namespace fz::test {

class FakeTextCodec final : public shard::TextCodec {
 public:
  /// `weights` distinguishes models.
  explicit FakeTextCodec(std::uint8_t weights = 1) { identity_.weights_hash.fill(weights); }

  std::vector<Bytes> encode(std::span<const ByteSpan> blocks, const shard::EncodeSettings& settings) override {
    std::vector<Bytes> payloads;
    for (const ByteSpan raw : blocks) payloads.push_back(pack(raw, settings.coder));
    return payloads;
  }

  /// With logs, keeps for each block the answer kAnswer, and believes what it finds: any other answer makes the bytes
  /// wrong.
  std::vector<Bytes> decode(std::span<const shard::StoredPayload> blocks,
                            const shard::Checkpoints& checkpoints) override {
    std::vector<Bytes> raws;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      raws.push_back(unpack(blocks[i]));
      if (checkpoints.logs.empty()) continue;
      std::uint16_t answer[] = {kAnswer};
      if (!checkpoints.logs[i].read({0}, answer)) checkpoints.logs[i].append({0}, answer);
      raws[i][0] ^= static_cast<std::uint8_t>(answer[0] ^ kAnswer);
    }
    return raws;
  }
  static constexpr std::uint16_t kAnswer = 77;

  /// A payload made with one adapter cannot be decoded with another.
  void use_adapter(ByteSpan adapter, const std::string& source) override {
    if (!adapter.empty() && shard::read_adapter_summary(adapter, source).weights_hash != identity_.weights_hash) {
      fail(ErrorCode::kModel, "{}: the adapter is for another model; give the right one with --model", source);
    }
    adapter_mark_ = adapter.empty() ? 0 : static_cast<std::uint8_t>(hash_bytes(adapter)[0] | 4);
  }

  shard::ModelIdentity identity() const override { return identity_; }
  /// One megabyte a block, three blocks at a time.
  shard::Footprint footprint(shard::Direction, std::uint32_t) const override { return {0, 1'000'000, 3}; }
  std::uint32_t lane_limit(std::uint64_t) const override { return shard::kMaxLanes; }

 private:
  Bytes pack(ByteSpan raw, shard::TokenCoder coder) const {
    Bytes payload(ZSTD_compressBound(raw.size()) + 1);
    const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
    payload[0] = static_cast<std::uint8_t>(coder) ^ adapter_mark_;
    const std::size_t size = ZSTD_compress_usingDict(context.get(), payload.data() + 1, payload.size() - 1, raw.data(),
                                                     raw.size(), known_text().data(), known_text().size(), 19);
    FZ_CHECK(!ZSTD_isError(size));
    payload.resize(size + 1);
    return payload;
  }

  Bytes unpack(const shard::StoredPayload& block) const {
    const ByteSpan payload = block.payload;
    if (payload[0] != (static_cast<std::uint8_t>(shard::token_coder(block.codec)) ^ adapter_mark_)) {
      fail(ErrorCode::kCorrupt, "{}: another coder or adapter", block.source);
    }
    Bytes raw(block.raw_bytes);
    const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
    const std::size_t size = ZSTD_decompress_usingDict(context.get(), raw.data(), raw.size(), payload.data() + 1,
                                                       payload.size() - 1, known_text().data(), known_text().size());
    if (ZSTD_isError(size)) fail(ErrorCode::kCorrupt, "{}: fake model: damaged", block.source);
    raw.resize(size);
    return raw;
  }

  std::uint8_t adapter_mark_ = 0;
  shard::ModelIdentity identity_ = [] {
    shard::ModelIdentity identity;
    identity.numerics_version = 1;
    identity.context = 64;
    identity.tokenizer_hash.fill(2);
    return identity;
  }();
};

}  // namespace fz::test
