// The model inside this program: the bytes come from embedded_model.S.
#include "model/model_file.h"

extern "C" {
extern const std::uint8_t fz_embedded_model_begin[];
extern const std::uint8_t fz_embedded_model_end[];
}

namespace fz::model {

std::shared_ptr<const Model> embedded_model() {
  static const std::shared_ptr<const Model> model =
      parse_model(ByteSpan(fz_embedded_model_begin, fz_embedded_model_end), "built-in model");
  return model;
}

}  // namespace fz::model
