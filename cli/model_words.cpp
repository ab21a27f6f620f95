#include "cli/model_words.h"

#include <fmt/format.h>

#include <ostream>

namespace fz::cli {

nlohmann::ordered_json model_json(const shard::ModelIdentity& model) {
  if (model.is_none()) return nullptr;
  return {{"weights_hash", to_hex(model.weights_hash)},
          {"tokenizer_hash", to_hex(model.tokenizer_hash)},
          {"context", model.context},
          {"numerics_version", model.numerics_version}};
}

void print_model(const shard::ModelIdentity& model, std::ostream& out) {
  if (model.is_none()) {
    out << "model          none needed\n";
    return;
  }
  out << fmt::format("model          weights {}, tokenizer {}\n", to_hex(model.weights_hash, 16),
                     to_hex(model.tokenizer_hash, 16));
  out << fmt::format("               context {}, numerics version {}\n", model.context, model.numerics_version);
}

}  // namespace fz::cli
