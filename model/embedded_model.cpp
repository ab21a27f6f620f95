// The models inside this program: the bytes come from embedded_model.S.
#include "base/error.h"
#include "model/model_file.h"

extern "C" {
extern const std::uint8_t fz_embedded_models[];
extern const std::uint8_t fz_embedded_models_first_end[];
extern const std::uint8_t fz_embedded_models_end[];
}

namespace fz::model {

std::shared_ptr<const Model> embedded_model(std::size_t number) {
  FZ_CHECK(number < kEmbeddedModels);
  if (number == 0) {
    static const auto model = parse_model(ByteSpan(fz_embedded_models, fz_embedded_models_first_end), "built-in model");
    return model;
  }
  static const auto former =
      parse_model(ByteSpan(fz_embedded_models_first_end, fz_embedded_models_end), "former built-in model");
  return former;
}

}  // namespace fz::model
