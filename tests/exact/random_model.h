// Small models with random weights, for comparing backends on shapes that the default model does not have.
#pragma once

#include <cmath>
#include <memory>
#include <random>

#include "model/model.h"
#include "model/model_file.h"

namespace fz::test {

inline std::uint64_t test_seed() {
  const char* text = std::getenv("FZ_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 20261121;
}

inline model::QuantizedMatrix random_matrix(std::mt19937_64& random, std::uint32_t rows, std::uint32_t columns,
                                            bool extreme) {
  model::QuantizedMatrix matrix{rows, columns, {}, {}};
  for (std::size_t i = 0; i < std::size_t{rows} * columns; ++i) {
    const int value = static_cast<int>(random() % 255) - 127;
    matrix.weights.push_back(static_cast<std::int8_t>(extreme ? (value < 0 ? -127 : 127) : value));
  }
  for (std::uint32_t row = 0; row < rows; ++row) {
    const float scale = static_cast<float>(random() % 1000 + 1) * 1e-5f;
    matrix.scales.push_back(row % 17 == 5 ? 0.0f : scale);
  }
  return matrix;
}

inline std::vector<float> random_gains(std::mt19937_64& random, std::uint32_t size) {
  std::vector<float> gains;
  for (std::uint32_t i = 0; i < size; ++i) gains.push_back(static_cast<float>(random() % 4000) / 1000.0f - 1.0f);
  return gains;
}

/// Fills the given shape. Vocabulary: the begin token, the 256 bytes and two-byte tokens, in byte order.
inline std::shared_ptr<const model::Model> random_model(std::uint64_t seed, model::ModelConfig config,
                                                        bool extreme = false) {
  std::mt19937_64 random(seed);
  auto made = std::make_shared<model::Model>();
  config.begin_token = 0;
  config.norm_epsilon = 1e-5f;
  made->config = config;
  const std::uint32_t query_width = config.heads * config.head_width;
  const std::uint32_t key_width = config.kv_heads * config.head_width;
  made->embedding = random_matrix(random, config.vocabulary_size, config.width, extreme);
  if (!config.tied_head) made->head = random_matrix(random, config.vocabulary_size, config.width, extreme);
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    model::Layer layer;
    layer.attention_norm = random_gains(random, config.width);
    layer.feed_forward_norm = random_gains(random, config.width);
    layer.query = random_matrix(random, query_width, config.width, extreme);
    layer.key = random_matrix(random, key_width, config.width, extreme);
    layer.value = random_matrix(random, key_width, config.width, extreme);
    layer.attention_output = random_matrix(random, config.width, query_width, extreme);
    layer.gate = random_matrix(random, config.feed_forward_width, config.width, extreme);
    layer.up = random_matrix(random, config.feed_forward_width, config.width, extreme);
    layer.down = random_matrix(random, config.width, config.feed_forward_width, extreme);
    made->layers.push_back(std::move(layer));
  }
  made->final_norm = random_gains(random, config.width);
  for (std::uint32_t position = 0; position < config.context; ++position) {
    for (std::uint32_t pair = 0; pair < config.head_width / 2; ++pair) {
      const double angle = position * std::pow(10000.0, -2.0 * pair / config.head_width);
      made->rope_cosine.push_back(static_cast<float>(std::cos(angle)));
      made->rope_sine.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  // Byte order: "", then each byte followed by its two-byte tokens.
  model::TokenizerData& tokenizer = made->tokenizer;
  std::uint32_t pairs_left = config.vocabulary_size - 257;
  tokenizer.tokens.push_back("");
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;  // token, second byte
  for (int first = 0; first < 256; ++first) {
    tokenizer.tokens.push_back(std::string(1, static_cast<char>(first)));
    for (int second = 'a'; second <= 'z' && pairs_left > 0 && first >= 'a'; ++second) {
      pairs.push_back({static_cast<std::uint32_t>(tokenizer.tokens.size()), static_cast<std::uint32_t>(second)});
      tokenizer.tokens.push_back(std::string{static_cast<char>(first), static_cast<char>(second)});
      --pairs_left;
    }
  }
  auto single = [&](char byte) {
    for (std::uint32_t token = 1;; ++token) {
      if (tokenizer.tokens[token] == std::string(1, byte)) return token;
    }
  };
  for (const auto& [token, second] : pairs) {
    tokenizer.merges.push_back({single(tokenizer.tokens[token][0]), single(static_cast<char>(second)), token});
  }
  for (std::uint32_t token = 0; token < config.vocabulary_size; ++token) made->original_ids.push_back(token);
  made->name = "random";
  model::finalize_model(*made);
  model::validate_model(*made, "random model");
  return made;
}

}  // namespace fz::test
