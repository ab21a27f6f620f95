// Puts the real text codec together: model file, exact engine, token coders.
#include "base/log.h"
#include "cli/run.h"
#include "model/model_file.h"
#include "shard/language_model_codec.h"

namespace fz::cli {

Parts default_parts() {
  return {[](const std::string& model_path, std::shared_ptr<ThreadPool> pool) -> std::unique_ptr<shard::TextCodec> {
    auto model = model_path.empty() ? model::embedded_model() : model::load_model(model_path);
    auto codec = std::make_unique<shard::LanguageModelCodec>(std::move(model), std::move(pool));
    log_line(LogLevel::kInfo, "model {}: weights {}, backend {}",
             model_path.empty() ? "inside the program" : model_path, to_hex(codec->identity().weights_hash, 16),
             codec->backend_name());
    return codec;
  }};
}

}  // namespace fz::cli
