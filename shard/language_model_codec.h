// Blocks of text as language-model payloads and back (docs/format.md, "Language-model payload"): tokens, lanes, and the
// token coders. Owns the engine's scratch memory; one call at a time, parallel inside over the given pool. Several
// blocks at a time are faster: their lanes go through the model together.
#pragma once

#include <memory>

#include "base/thread_pool.h"
#include "model/model.h"
#include "shard/text_codec.h"

namespace fz::shard {

ModelIdentity identity_of(const model::Model& model);

class LanguageModelCodec final : public TextCodec {
 public:
  /// `backend` is a name of docs/numerics.md ("scalar", "avx2", "avx512vnni", "amx") or empty for the best this CPU has
  /// (or FZ_BACKEND). Throws Error(kUnsupported) for a backend that the CPU lacks, Error(kUsage) for an unknown name.
  LanguageModelCodec(std::shared_ptr<const model::Model> model, std::shared_ptr<ThreadPool> pool,
                     const std::string& backend = "");
  ~LanguageModelCodec() override;

  /// Deterministic: the same for every backend and number of threads.
  std::vector<Bytes> encode(std::span<const ByteSpan> blocks, const EncodeSettings& settings) override;
  std::vector<Bytes> decode(std::span<const StoredPayload> blocks, const Checkpoints& checkpoints) override;
  void use_adapter(ByteSpan adapter, const std::string& source) override;
  ModelIdentity identity() const override;
  Footprint footprint(Direction direction, std::uint32_t block_bytes) const override;
  std::uint32_t lane_limit(std::uint64_t limit_bytes) const override;

  const model::Model* language_model() const override { return &model(); }
  const model::Model& model() const;
  const char* backend_name() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fz::shard
