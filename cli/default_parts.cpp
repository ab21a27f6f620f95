// Puts the real text codec together: model file, exact engine, token coders.
#include "cli/run.h"
#include "model/model_file.h"
#include "shard/language_model_codec.h"

namespace fz::cli {

Parts default_parts() {
  return {[](const std::string& model_path, std::shared_ptr<ThreadPool> pool) -> std::unique_ptr<shard::TextCodec> {
    auto model = model_path.empty() ? model::embedded_model() : model::load_model(model_path);
    return std::make_unique<shard::LanguageModelCodec>(std::move(model), std::move(pool));
  }};
}

}  // namespace fz::cli
