#include "model/exact_loss.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace fz::model {

double exact_bits_per_token(Engine& engine, std::span<const std::span<const TokenId>> chunks) {
  const std::uint32_t vocabulary_size = engine.model().config.vocabulary_size;
  std::vector<double> bits(chunks.size());  // each chunk is one thread's
  std::vector<PrefillChunk> whole;
  for (const std::span<const TokenId> chunk : chunks) whole.push_back({chunk});
  engine.prefill(whole, [&](std::size_t chunk, std::size_t position, int, const float* logits) {
    const float largest = *std::max_element(logits, logits + vocabulary_size);
    double sum = 0;
    for (std::uint32_t i = 0; i < vocabulary_size; ++i) sum += std::exp2(static_cast<double>(logits[i] - largest));
    bits[chunk] += std::log2(sum) + largest - logits[chunks[chunk][position]];
  });
  double all_bits = 0;
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    all_bits += bits[i];
    tokens += chunks[i].size();
  }
  return tokens > 0 ? all_bits / static_cast<double>(tokens) : 0;
}

}  // namespace fz::model
