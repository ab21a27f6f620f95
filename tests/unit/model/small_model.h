// A valid model of a few kilobytes with random numbers, for tests of the model file and the tokenizer.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "model/model.h"
#include "model/model_file.h"

namespace fz::model {

/// The seed of a random test: FZ_SEED, or a new one. Printed, so that a failure can be repeated.
inline std::uint64_t test_seed() {
  const char* text = std::getenv("FZ_SEED");
  const std::uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
  std::printf("FZ_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

inline constexpr const char* kSimplePattern = R"( ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+)";

/// Tokens in the order of their bytes: one special token, the 256 bytes, "aa", "aaaa", "ab", "abab", " a".
inline TokenizerData small_tokenizer() {
  TokenizerData data;
  data.tokens = {"", "aa", "aaaa", "ab", "abab", " a"};
  for (int byte = 0; byte < 256; ++byte) data.tokens.emplace_back(1, static_cast<char>(byte));
  std::sort(data.tokens.begin(), data.tokens.end());
  const auto id = [&](const std::string& text) {
    return static_cast<TokenId>(std::find(data.tokens.begin(), data.tokens.end(), text) - data.tokens.begin());
  };
  for (const auto& [left, right] : {std::pair{"a", "b"}, {"a", "a"}, {"aa", "aa"}, {" ", "a"}, {"ab", "ab"}}) {
    data.merges.push_back({id(left), id(right), id(std::string(left) + right)});
  }
  data.patterns = {kSimplePattern};
  return data;
}

inline Model small_model(bool tied_head = true) {
  std::mt19937_64 random(7);
  Model model;
  model.tokenizer = small_tokenizer();
  model.config = {.vocabulary_size = static_cast<std::uint32_t>(model.tokenizer.tokens.size()),
                  .width = 8,
                  .layers = 2,
                  .heads = 2,
                  .kv_heads = 1,
                  .head_width = 4,
                  .feed_forward_width = 12,
                  .context = 16,
                  .begin_token = 0,
                  .norm_epsilon = 1e-5f,
                  .tied_head = tied_head};
  const auto matrix = [&](std::uint32_t rows, std::uint32_t columns) {
    QuantizedMatrix result{rows, columns, {}, {}};
    for (std::uint32_t i = 0; i < rows * columns; ++i) {
      result.weights.push_back(static_cast<std::int8_t>(static_cast<int>(random() % 255) - 127));
    }
    for (std::uint32_t i = 0; i < rows; ++i) result.scales.push_back(static_cast<float>(random() % 1000) / 1000);
    return result;
  };
  const auto floats = [&](std::size_t count) {
    std::vector<float> result;
    for (std::size_t i = 0; i < count; ++i) result.push_back(static_cast<float>(random() % 2001) / 1000 - 1);
    return result;
  };
  const ModelConfig& c = model.config;
  model.embedding = matrix(c.vocabulary_size, c.width);
  for (std::uint32_t i = 0; i < c.layers; ++i) {
    model.layers.push_back({floats(c.width), matrix(8, c.width), matrix(4, c.width), matrix(4, c.width),
                            matrix(c.width, 8), floats(c.width), matrix(c.feed_forward_width, c.width),
                            matrix(c.feed_forward_width, c.width), matrix(c.width, c.feed_forward_width)});
  }
  model.final_norm = floats(c.width);
  if (!tied_head) model.head = matrix(c.vocabulary_size, c.width);
  model.rope_cosine = floats(c.context * 2);
  model.rope_sine = floats(c.context * 2);
  for (std::uint32_t i = 0; i < c.vocabulary_size; ++i) model.original_ids.push_back(c.vocabulary_size - i);
  model.name = "small";
  finalize_model(model);
  return model;
}

}  // namespace fz::model
