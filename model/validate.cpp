// The limits of docs/model-format.md, on which docs/numerics.md proves that nothing overflows.
#include "model/validate.h"

#include <algorithm>
#include <bitset>
#include <cmath>
#include <cstring>

#include "model/model_file.h"

namespace fz::model {
namespace {

void check_range(const char* field, std::uint64_t value, std::uint64_t low, std::uint64_t high, std::uint64_t divisor,
                 const std::string& source, ErrorCode code) {
  if (value < low || value > high) fail(code, "{}: {} is {}, must be {} to {}", source, field, value, low, high);
  if (value % divisor != 0) fail(code, "{}: {} is {}, must be divisible by {}", source, field, value, divisor);
}

void check_floats(const std::vector<float>& values, std::uint64_t count, float low, float high, const char* field,
                  const std::string& source) {
  if (values.size() != count) {
    fail(ErrorCode::kCorrupt, "{}: {}: {} values, must be {}", source, field, values.size(), count);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] >= low && values[i] <= high)) {  // false for NaN too
      fail(ErrorCode::kCorrupt, "{}: {}: value {} is {}, must be {} to {}", source, field, i, values[i], low, high);
    }
  }
}

void check_norm(const std::vector<float>& values, std::uint64_t count, const char* field, const std::string& source) {
  check_floats(values, count, -4096.0f, 4096.0f, field, source);
}

void check_matrix(const QuantizedMatrix& matrix, std::uint64_t rows, std::uint64_t columns, const char* field,
                  const std::string& source) {
  if (matrix.rows != rows || matrix.columns != columns || matrix.weights.size() != rows * columns) {
    fail(ErrorCode::kCorrupt, "{}: {}: shape is [{}, {}], must be [{}, {}]", source, field, matrix.rows, matrix.columns,
         rows, columns);
  }
  if (!matrix.weights.empty() && std::memchr(matrix.weights.data(), 0x80, matrix.weights.size()) != nullptr) {
    fail(ErrorCode::kCorrupt, "{}: {}: a weight is -128, must be -127 to 127", source, field);
  }
  check_floats(matrix.scales, rows, 0.0f, 1.0f, field, source);
}

}  // namespace

void validate_config(const ModelConfig& config, const std::string& source, ErrorCode code) {
  check_range("vocabulary_size", config.vocabulary_size, 257, kMaxVocabulary, 1, source, code);
  check_range("width", config.width, 8, 16384, 4, source, code);
  check_range("layers", config.layers, 1, 256, 1, source, code);
  check_range("head_width", config.head_width, 4, 256, 4, source, code);
  check_range("heads", config.heads, 1, 32768 / config.head_width, 1, source, code);
  check_range("kv_heads", config.kv_heads, 1, config.heads, 1, source, code);
  if (config.heads % config.kv_heads != 0) {
    fail(code, "{}: kv_heads is {}, must divide heads ({})", source, config.kv_heads, config.heads);
  }
  check_range("feed_forward_width", config.feed_forward_width, 4, 65536, 4, source, code);
  check_range("context", config.context, kMinContext, 16384, 1, source, code);
  check_range("begin_token", config.begin_token, 0, config.vocabulary_size - 1, 1, source, code);
  if (!(config.norm_epsilon > 0 && config.norm_epsilon <= 1)) {
    fail(code, "{}: norm_epsilon is {}, must be greater than 0 and at most 1", source, config.norm_epsilon);
  }
}

void validate_tokenizer(const TokenizerData& tokenizer, const std::string& source) {
  const std::vector<std::string>& tokens = tokenizer.tokens;
  const auto corrupt = [&](const std::string& what) {
    fail(ErrorCode::kCorrupt, "{}: tokenizer: {}; the tokenizer cannot be used", source, what);
  };
  if (tokens.size() > kMaxVocabulary) corrupt(fmt::format("{} tokens, at most {}", tokens.size(), kMaxVocabulary));
  if (tokenizer.merges.size() > kMaxMerges) {
    corrupt(fmt::format("{} merges, at most {}", tokenizer.merges.size(), kMaxMerges));
  }
  std::bitset<256> bytes_present;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].size() > kMaxTokenBytes) {
      corrupt(fmt::format("token {} has {} bytes, at most {}", id, tokens[id].size(), kMaxTokenBytes));
    }
    if (tokens[id].size() == 1) bytes_present.set(static_cast<std::uint8_t>(tokens[id][0]));
  }
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (!bytes_present[byte]) corrupt(fmt::format("no token for the single byte {}", byte));
  }
  for (std::size_t i = 0; i < tokenizer.merges.size(); ++i) {
    const auto [left, right, result] = tokenizer.merges[i];
    if (left >= tokens.size() || right >= tokens.size() || result >= tokens.size()) {
      corrupt(fmt::format("merge {} names a token that does not exist", i));
    }
    const std::string &a = tokens[left], &b = tokens[right], &both = tokens[result];
    if (a.empty() || b.empty() || both.size() != a.size() + b.size() || both.compare(0, a.size(), a) != 0 ||
        both.compare(a.size(), b.size(), b) != 0) {
      corrupt(fmt::format("merge {}: the bytes of the result are not those of its parts", i));
    }
  }
  if (tokenizer.added_tokens.size() > kMaxAddedTokens) {
    corrupt(fmt::format("{} added tokens, at most {}", tokenizer.added_tokens.size(), kMaxAddedTokens));
  }
  for (std::size_t i = 0; i < tokenizer.added_tokens.size(); ++i) {
    const TokenId id = tokenizer.added_tokens[i];
    if (id >= tokens.size() || tokens[id].empty() || (i > 0 && id <= tokenizer.added_tokens[i - 1])) {
      corrupt(fmt::format("added token {} is no token with bytes, or not in increasing order", id));
    }
  }
  if (tokenizer.patterns.size() > kMaxPatterns) {
    corrupt(fmt::format("{} patterns, at most {}", tokenizer.patterns.size(), kMaxPatterns));
  }
  for (const std::string& pattern : tokenizer.patterns) {
    if (pattern.empty() || pattern.size() > kMaxPatternBytes || pattern.find('\0') != std::string::npos) {
      corrupt(fmt::format("a pattern of {} bytes or with a zero byte", pattern.size()));
    }
  }
}

std::uint64_t tensor_bytes(const ModelConfig& config) {
  // At most 256 layers x 2^34 bytes: far below 2^64.
  const auto matrix = [](std::uint64_t rows, std::uint64_t columns) { return rows * columns + rows * sizeof(float); };
  const std::uint64_t width = config.width, vocabulary = config.vocabulary_size, hidden = config.feed_forward_width;
  const std::uint64_t queries = std::uint64_t{config.heads} * config.head_width;
  const std::uint64_t keys = std::uint64_t{config.kv_heads} * config.head_width;
  const std::uint64_t norm = width * sizeof(float);
  const std::uint64_t layer = 2 * norm + matrix(queries, width) + 2 * matrix(keys, width) + matrix(width, queries) +
                              2 * matrix(hidden, width) + matrix(width, hidden);
  const std::uint64_t tables = std::uint64_t{config.context} * config.head_width * sizeof(float);
  return matrix(vocabulary, width) * (config.tied_head ? 1 : 2) + config.layers * layer + norm + tables;
}

void validate_model(const Model& model, const std::string& source) {
  const ModelConfig& config = model.config;
  validate_config(config, source, ErrorCode::kCorrupt);
  validate_tokenizer(model.tokenizer, source);
  const std::vector<std::string>& tokens = model.tokenizer.tokens;
  if (tokens.size() != config.vocabulary_size || model.original_ids.size() != config.vocabulary_size) {
    fail(ErrorCode::kCorrupt, "{}: {} tokens and {} original ids, vocabulary_size is {}", source, tokens.size(),
         model.original_ids.size(), config.vocabulary_size);
  }
  if (!std::is_sorted(tokens.begin(), tokens.end())) {  // std::string compares its bytes as unsigned
    fail(ErrorCode::kCorrupt, "{}: tokens are not in the order of their bytes", source);
  }
  if (!tokens[config.begin_token].empty()) {
    fail(ErrorCode::kCorrupt, "{}: begin_token {} has bytes; it must be a special token", source, config.begin_token);
  }
  if (model.name.size() > kMaxNameBytes ||
      std::any_of(model.name.begin(), model.name.end(), [](char c) { return c < 0x20 || c > 0x7e; })) {
    fail(ErrorCode::kCorrupt, "{}: the model's name is longer than {} bytes or not printable", source, kMaxNameBytes);
  }

  const std::uint64_t width = config.width, hidden = config.feed_forward_width;
  const std::uint64_t queries = std::uint64_t{config.heads} * config.head_width;
  const std::uint64_t keys = std::uint64_t{config.kv_heads} * config.head_width;
  const std::uint64_t pairs = std::uint64_t{config.context} * (config.head_width / 2);
  check_matrix(model.embedding, config.vocabulary_size, width, "embedding", source);
  if (model.layers.size() != config.layers) {
    fail(ErrorCode::kCorrupt, "{}: {} layers, must be {}", source, model.layers.size(), config.layers);
  }
  for (const Layer& layer : model.layers) {
    check_norm(layer.attention_norm, width, "attention_norm", source);
    check_matrix(layer.query, queries, width, "query", source);
    check_matrix(layer.key, keys, width, "key", source);
    check_matrix(layer.value, keys, width, "value", source);
    check_matrix(layer.attention_output, width, queries, "attention_output", source);
    check_norm(layer.feed_forward_norm, width, "feed_forward_norm", source);
    check_matrix(layer.gate, hidden, width, "gate", source);
    check_matrix(layer.up, hidden, width, "up", source);
    check_matrix(layer.down, width, hidden, "down", source);
  }
  check_norm(model.final_norm, width, "final_norm", source);
  check_matrix(model.head, config.tied_head ? 0 : config.vocabulary_size, config.tied_head ? 0 : width, "head", source);
  check_floats(model.rope_cosine, pairs, -1.0f, 1.0f, "rope_cosine", source);
  check_floats(model.rope_sine, pairs, -1.0f, 1.0f, "rope_sine", source);
}

}  // namespace fz::model
