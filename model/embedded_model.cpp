#include "model/embedded_model.h"

#include <array>
#include <mutex>
#include <numeric>

#include "base/error.h"
#include "model/model_file.h"

extern "C" {                                     // embedded_model.S
extern const std::uint8_t fz_embedded_models[];  // one after another
extern const std::uint64_t fz_embedded_model_bytes[fz::model::kEmbeddedModels];
}

namespace fz::model {

std::shared_ptr<const Model> embedded_model(std::size_t number) {
  static std::array<std::once_flag, kEmbeddedModels> parsed;
  static std::array<std::shared_ptr<const Model>, kEmbeddedModels> models;
  FZ_CHECK(number < kEmbeddedModels);
  std::call_once(parsed[number], [&] {
    const std::uint64_t* const bytes = fz_embedded_model_bytes;
    const ByteSpan model(fz_embedded_models + std::accumulate(bytes, bytes + number, std::uint64_t{0}), bytes[number]);
    models[number] = parse_model(model, number == 0 ? "built-in model" : "former built-in model");
  });
  return models[number];
}

}  // namespace fz::model
