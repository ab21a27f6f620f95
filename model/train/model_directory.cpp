#include "model/train/model_directory.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "base/file.h"
#include "model/embedded_model.h"
#include "model/export.h"
#include "model/import.h"
#include "model/json_file.h"
#include "model/model_file.h"
#include "model/validate.h"

namespace fz::model {
namespace {

constexpr double kInitialDeviation = 0.02;
constexpr std::uint64_t kMaxWeightsBytes = std::uint64_t{1} << 36;
/// Training keeps three floats of each: the weight and two moments. They have to fit in a file.
constexpr std::uint64_t kMaxNewParameters = kMaxWeightsBytes / (3 * sizeof(float));

/// Random tensors in the order in which they are asked for.
class InitialWeights {
 public:
  explicit InitialWeights(std::uint64_t seed) : random_(seed) {}

  void add_matrix(const std::string& name, std::uint64_t rows, std::uint64_t columns,
                  double deviation = kInitialDeviation) {
    NamedTensor& tensor = tensors_.emplace_back(NamedTensor{name, {rows, columns}, {}});
    tensor.values.resize(rows * columns);
    std::normal_distribution<float> normal(0, static_cast<float>(deviation));
    for (float& value : tensor.values) value = normal(random_);
  }
  void add_gain(const std::string& name, std::uint64_t width) {
    tensors_.push_back({name, {width}, std::vector<float>(width, 1.0f)});
  }
  const std::vector<NamedTensor>& tensors() const { return tensors_; }

 private:
  std::mt19937_64 random_;
  std::vector<NamedTensor> tensors_;
};

ModelConfig config_of(const Architecture& shape, std::size_t vocabulary_size, TokenId begin_token) {
  return {.vocabulary_size = static_cast<std::uint32_t>(vocabulary_size),
          .width = shape.width,
          .layers = shape.layers,
          .heads = shape.heads,
          .kv_heads = shape.kv_heads,
          .head_width = shape.head_width,
          .feed_forward_width = shape.feed_forward_width,
          .context = shape.context != 0 ? shape.context : kNewContext,
          .begin_token = begin_token,
          .norm_epsilon = 1e-5f,
          .tied_head = true};
}

/// Before anything is allocated for it.
void check_size(const ModelConfig& config) {
  const std::string name = "the new model";
  validate_config(config, name, ErrorCode::kUsage);
  const std::uint64_t parameters = tensor_bytes(config);  // a byte for each, and little else
  if (parameters <= kMaxNewParameters) return;
  fail(ErrorCode::kUsage,
       "{}: {:.1f} billion parameters, at most {:.1f} can be trained; give it fewer or smaller layers", name,
       static_cast<double>(parameters) * 1e-9, static_cast<double>(kMaxNewParameters) * 1e-9);
}

void write_json(const std::filesystem::path& path, const Json& json) {
  const std::string text = json.dump(1);
  replace_file(path, as_byte_span(text));
}

void copy_json(const std::filesystem::path& from, const std::filesystem::path& to) {
  replace_file(to, read_file(from, kMaxJsonBytes));
}

void copy_directory(const std::filesystem::path& directory, const std::filesystem::path& from) {
  for (const auto& item : std::filesystem::directory_iterator(from)) {
    const std::string extension = item.path().extension();
    if (!item.is_regular_file() || (extension != ".json" && extension != ".safetensors")) continue;
    replace_file(directory / item.path().filename(), read_file(item.path(), kMaxWeightsBytes));
  }
}

}  // namespace

TokenId begin_token_of(const TokenizerData& tokenizer, const std::filesystem::path& path) {
  const auto found = std::find(tokenizer.tokens.begin(), tokenizer.tokens.end(), "");
  if (found == tokenizer.tokens.end()) {
    fail(ErrorCode::kUsage, "{}: has no special token, and every chunk has to begin with one", path.string());
  }
  return static_cast<TokenId>(found - tokenizer.tokens.begin());
}

void write_untrained_model(const std::filesystem::path& directory, const Architecture& shape,
                           const std::filesystem::path& tokenizer_path, std::uint64_t seed) {
  const TokenizerData tokenizer = import_tokenizer(tokenizer_path.string());
  const ModelConfig config = config_of(shape, tokenizer.tokens.size(), begin_token_of(tokenizer, tokenizer_path));
  check_size(config);
  InitialWeights weights(seed);
  // What writes to the residual stream begins smaller, by the number of those that do.
  const double residual_deviation = kInitialDeviation / std::sqrt(2.0 * shape.layers);
  weights.add_matrix("model.embed_tokens.weight", tokenizer.tokens.size(), shape.width);
  for (std::uint32_t i = 0; i < shape.layers; ++i) {
    const std::string prefix = fmt::format("model.layers.{}.", i);
    const std::uint64_t queries = std::uint64_t{shape.heads} * shape.head_width;
    const std::uint64_t keys = std::uint64_t{shape.kv_heads} * shape.head_width;
    weights.add_gain(prefix + "input_layernorm.weight", shape.width);
    weights.add_matrix(prefix + "self_attn.q_proj.weight", queries, shape.width);
    weights.add_matrix(prefix + "self_attn.k_proj.weight", keys, shape.width);
    weights.add_matrix(prefix + "self_attn.v_proj.weight", keys, shape.width);
    weights.add_matrix(prefix + "self_attn.o_proj.weight", shape.width, queries, residual_deviation);
    weights.add_gain(prefix + "post_attention_layernorm.weight", shape.width);
    weights.add_matrix(prefix + "mlp.gate_proj.weight", shape.feed_forward_width, shape.width);
    weights.add_matrix(prefix + "mlp.up_proj.weight", shape.feed_forward_width, shape.width);
    weights.add_matrix(prefix + "mlp.down_proj.weight", shape.width, shape.feed_forward_width, residual_deviation);
  }
  weights.add_gain("model.norm.weight", shape.width);
  copy_json(tokenizer_path, directory / "tokenizer.json");
  const std::string config_text = export_config(config, shape.rope_theta);
  replace_file(directory / "config.json", as_byte_span(config_text));
  replace_file(directory / "model.safetensors", serialize_safetensors(weights.tensors()));
}

void copy_model(const std::filesystem::path& directory, const std::filesystem::path& from, std::uint32_t context) {
  std::error_code error;
  if (from == kDefaultModel) {
    export_model(*embedded_model(), directory);
  } else if (std::filesystem::is_directory(from, error)) {
    copy_directory(directory, from);
  } else {
    export_model(*load_model(from.string()), directory);
  }
  if (context == 0) return;
  Json config = read_json((directory / "config.json").string());
  config["max_position_embeddings"] = context;
  write_json(directory / "config.json", config);
}

void write_trained_model(const std::filesystem::path& directory, const std::filesystem::path& start, const Model& model,
                         std::span<const NamedTensor> weights) {
  std::vector<NamedTensor> tensors(weights.begin(), weights.end());
  for (NamedTensor& tensor : tensors) {
    if (tensor.name != "model.embed_tokens.weight" && tensor.name != "lm_head.weight") continue;
    // Back to the numbers of tokenizer.json.
    const std::size_t width = model.config.width;
    std::vector<float> values(tensor.values.size());
    for (std::size_t row = 0; row < model.original_ids.size(); ++row) {
      std::copy_n(tensor.values.begin() + static_cast<std::ptrdiff_t>(row * width), width,
                  values.begin() + static_cast<std::ptrdiff_t>(model.original_ids[row] * width));
    }
    tensor.values = std::move(values);
  }
  Json config = read_json((start / "config.json").string());
  config["vocab_size"] = model.original_ids.size();  // of rows that only filled up, the model has none
  write_json(directory / "config.json", config);
  copy_json(start / "tokenizer.json", directory / "tokenizer.json");
  replace_file(directory / "model.safetensors", serialize_safetensors(tensors));
}

}  // namespace fz::model
