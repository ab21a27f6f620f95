// Puts the real text codec together: model file, exact engine, token coders.
#include "base/log.h"
#include "cli/run.h"
#include "model/embedded_model.h"
#include "model/model_file.h"
#include "shard/language_model_codec.h"

namespace fz::cli {
namespace {

std::shared_ptr<const model::Model> model_inside(const shard::ModelIdentity& wanted) {
  if (!wanted.is_none()) {
    for (std::size_t i = 0; i < model::kEmbeddedModels; ++i) {
      if (shard::identity_of(*model::embedded_model(i)) == wanted) return model::embedded_model(i);
    }
  }
  return model::embedded_model();
}

std::unique_ptr<shard::TextCodec> make_text_codec(const std::string& model_path, const shard::ModelIdentity& wanted,
                                                  std::shared_ptr<ThreadPool> pool) {
  auto model = model_path.empty() ? model_inside(wanted) : model::load_model(model_path);
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
