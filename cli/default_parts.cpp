// Puts the real text codec together: model file, exact engine, token coders.
#include "base/log.h"
#include "cli/run.h"
#include "model/embedded_model.h"
#include "model/model_file.h"
#include "shard/language_model_codec.h"

namespace fz::cli {
namespace {

bool has_hashes_of(const model::Model& model, const shard::ModelIdentity& wanted) {
  return model.weights_hash == wanted.weights_hash && model.tokenizer_hash == wanted.tokenizer_hash;
}

/// Else only a context is wanted, or nothing.
bool names_model(const shard::ModelIdentity& wanted) {
  return wanted.weights_hash != Hash{};
}

std::shared_ptr<const model::Model> model_inside(const shard::ModelIdentity& wanted) {
  if (!names_model(wanted)) return model::embedded_model();  // the others need not be parsed
  for (std::size_t i = 0; i < model::kEmbeddedModels; ++i) {
    if (has_hashes_of(*model::embedded_model(i), wanted)) return model::embedded_model(i);
  }
  return model::embedded_model();
}

/// The model with the context that is wanted of it; as it is where that cannot be, or another model is wanted.
std::shared_ptr<const model::Model> with_wanted_context(std::shared_ptr<const model::Model> model,
                                                        const shard::ModelIdentity& wanted) {
  if (wanted.context < model::kMinContext || wanted.context >= model->config.context) return model;
  if (names_model(wanted) && !has_hashes_of(*model, wanted)) return model;
  auto shorter = std::make_shared<model::Model>(*model);
  shorter->config.context = wanted.context;
  const std::size_t rotations = std::size_t{wanted.context} * (shorter->config.head_width / 2);
  shorter->rope_cosine.resize(rotations);
  shorter->rope_sine.resize(rotations);
  return shorter;
}

std::unique_ptr<shard::TextCodec> make_text_codec(const std::string& model_path, const shard::ModelIdentity& wanted,
                                                  std::shared_ptr<ThreadPool> pool) {
  auto model = with_wanted_context(model_path.empty() ? model_inside(wanted) : model::load_model(model_path), wanted);
  auto codec = std::make_unique<shard::LanguageModelCodec>(std::move(model), std::move(pool));
  log_line(LogLevel::kInfo, "model {}: weights {}, backend {}", model_path.empty() ? "inside the program" : model_path,
           to_hex(codec->identity().weights_hash, 16), codec->backend_name());
  return codec;
}

std::vector<shard::ModelIdentity> models_inside() {
  std::vector<shard::ModelIdentity> identities;
  for (std::size_t i = 0; i < model::kEmbeddedModels; ++i)
    identities.push_back(shard::identity_of(*model::embedded_model(i)));
  return identities;
}

}  // namespace

Parts default_parts() {
  return {make_text_codec, models_inside};
}

}  // namespace fz::cli
