#include "model/rope.h"

#include <cmath>

namespace fz::model {

std::vector<double> rope_frequencies(double base, std::uint32_t head_width) {
  std::vector<double> frequencies(head_width / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] = std::pow(base, -2.0 * static_cast<double>(i) / head_width);
  }
  return frequencies;
}

void fill_rope_tables(const std::vector<double>& frequencies, Model& model) {
  model.rope_cosine.clear();
  model.rope_sine.clear();
  for (std::uint32_t position = 0; position < model.config.context; ++position) {
    for (const double frequency : frequencies) {
      model.rope_cosine.push_back(static_cast<float>(std::cos(position * frequency)));
      model.rope_sine.push_back(static_cast<float>(std::sin(position * frequency)));
    }
  }
}

}  // namespace fz::model
