// Puts the real text codec together: model file, exact engine, token coders.
#include "cli/run.h"
#include "model/model_file.h"
#include "shard/language_model_codec.h"

namespace fz::cli {
namespace {

class LanguageModelTextCodec final : public shard::TextCodec {
 public:
  LanguageModelTextCodec(std::shared_ptr<const model::Model> model, std::shared_ptr<ThreadPool> pool)
      : pool_(std::move(pool)), codec_(std::move(model), *pool_) {}

  Bytes encode(ByteSpan raw, shard::TokenCoder coder) override { return codec_.encode(raw, coder); }

  Bytes decode(ByteSpan payload, std::uint32_t raw_bytes, shard::TokenCoder coder, const std::string& source) override {
    return codec_.decode(payload, raw_bytes, coder, source);
  }

  shard::ModelIdentity identity() const override {
    const model::Model& model = codec_.model();
    return {model::kNumericsVersion, model.config.context, model.weights_hash, model.tokenizer_hash};
  }

 private:
  std::shared_ptr<ThreadPool> pool_;
  shard::LanguageModelCodec codec_;
};

}  // namespace

Parts default_parts() {
  return {[](const std::string& model_path, std::shared_ptr<ThreadPool> pool) -> std::unique_ptr<shard::TextCodec> {
    auto model = model_path.empty() ? model::embedded_model() : model::load_model(model_path);
    return std::make_unique<LanguageModelTextCodec>(std::move(model), std::move(pool));
  }};
}

}  // namespace fz::cli
