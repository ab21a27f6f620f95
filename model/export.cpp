#include "model/export.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/display.h"
#include "base/file.h"
#include "model/export_tokenizer.h"
#include "model/json_file.h"
#include "model/rope.h"
#include "model/safetensors.h"

namespace fz::model {
namespace {

[[noreturn]] void unsupported(const Model& model, const std::string& what) {
  fail(ErrorCode::kUnsupported, "model '{}': {}; it cannot be exported", display_text(model.name), what);
}

/// What the importer must find as a row's largest value to come to this scale.
float largest_of_row(float scale) {
  const float product = 127 * scale;
  for (const float value : {product, std::nextafter(product, 0.0f), std::nextafter(product, INFINITY)}) {
    if (value / 127 == scale) return value;
  }
  return product;
}

/// Row i becomes row_of[i]; empty: the same.
NamedTensor dequantize(const std::string& name, const QuantizedMatrix& matrix,
                       const std::vector<std::uint32_t>& row_of = {}) {
  NamedTensor tensor{name, {matrix.rows, matrix.columns}, {}};
  tensor.values.resize(matrix.weights.size());
  for (std::uint32_t row = 0; row < matrix.rows; ++row) {
    const std::int8_t* const source = matrix.weights.data() + std::size_t{row} * matrix.columns;
    float* const target = tensor.values.data() + std::size_t{row_of.empty() ? row : row_of[row]} * matrix.columns;
    const float scale = matrix.scales[row], largest = largest_of_row(scale);
    std::transform(source, source + matrix.columns, target, [&](std::int8_t weight) {
      return weight == 127 ? largest : weight == -127 ? -largest : static_cast<float>(weight) * scale;
    });
  }
  return tensor;
}

NamedTensor gain(const std::string& name, const std::vector<float>& values) {
  return {name, {values.size()}, values};
}

std::vector<NamedTensor> tensors_of(const Model& model) {
  std::vector<NamedTensor> tensors;
  tensors.push_back(dequantize("model.embed_tokens.weight", model.embedding, model.original_ids));
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    const std::string prefix = fmt::format("model.layers.{}.", i);
    tensors.push_back(gain(prefix + "input_layernorm.weight", layer.attention_norm));
    tensors.push_back(dequantize(prefix + "self_attn.q_proj.weight", layer.query));
    tensors.push_back(dequantize(prefix + "self_attn.k_proj.weight", layer.key));
    tensors.push_back(dequantize(prefix + "self_attn.v_proj.weight", layer.value));
    tensors.push_back(dequantize(prefix + "self_attn.o_proj.weight", layer.attention_output));
    tensors.push_back(gain(prefix + "post_attention_layernorm.weight", layer.feed_forward_norm));
    tensors.push_back(dequantize(prefix + "mlp.gate_proj.weight", layer.gate));
    tensors.push_back(dequantize(prefix + "mlp.up_proj.weight", layer.up));
    tensors.push_back(dequantize(prefix + "mlp.down_proj.weight", layer.down));
  }
  tensors.push_back(gain("model.norm.weight", model.final_norm));
  if (!model.config.tied_head) tensors.push_back(dequantize("lm_head.weight", model.head, model.original_ids));
  return tensors;
}

/// A model file holds the tables and not their base: the roundest one that makes just these tables.
double rope_base(const Model& model) {
  const std::uint32_t head_width = model.config.head_width;
  const std::size_t pairs = head_width / 2;
  double base = 10000;
  if (pairs > 1 && model.config.context > 1) {
    const double frequency = std::atan2(model.rope_sine[pairs + 1], model.rope_cosine[pairs + 1]);  // of position 1
    base = std::pow(std::max(frequency, 1e-9), -0.5 * head_width);
  }
  Model tables;
  tables.config.context = model.config.context;
  for (const double unit : {1.0, 0.1, 0.01, 0.001}) {
    const double candidate = std::max(1.0, std::round(base / unit) * unit);
    fill_rope_tables(rope_frequencies(candidate, head_width), tables);
    if (tables.rope_cosine == model.rope_cosine && tables.rope_sine == model.rope_sine) return candidate;
  }
  unsupported(model, "its rotary embedding is not that of one base");
}

/// The tokenizer with the numbers that the tokens had.
TokenizerData original_tokenizer(const Model& model) {
  const TokenizerData& source = model.tokenizer;
  const std::vector<std::uint32_t>& old_of = model.original_ids;
  std::vector<bool> is_taken(old_of.size());
  for (const std::uint32_t old : old_of) {
    if (old >= old_of.size() || is_taken[old]) unsupported(model, "its original ids are not a numbering of its tokens");
    is_taken[old] = true;
  }
  TokenizerData target;
  target.patterns = source.patterns;
  target.ignore_merges = source.ignore_merges;
  target.tokens.resize(source.tokens.size());
  for (TokenId id = 0; id < old_of.size(); ++id) target.tokens[old_of[id]] = source.tokens[id];
  for (const auto& [left, right, result] : source.merges) {
    target.merges.push_back({old_of[left], old_of[right], old_of[result]});
  }
  for (const TokenId id : source.added_tokens) target.added_tokens.push_back(old_of[id]);
  std::sort(target.added_tokens.begin(), target.added_tokens.end());
  return target;
}

}  // namespace

std::string export_config(const ModelConfig& config, double rope_theta) {
  const Json json = {{"architectures", {"LlamaForCausalLM"}},
                     {"model_type", "llama"},
                     {"hidden_size", config.width},
                     {"intermediate_size", config.feed_forward_width},
                     {"num_hidden_layers", config.layers},
                     {"num_attention_heads", config.heads},
                     {"num_key_value_heads", config.kv_heads},
                     {"head_dim", config.head_width},
                     {"vocab_size", config.vocabulary_size},
                     {"rms_norm_eps", config.norm_epsilon},
                     {"rope_theta", rope_theta},
                     {"max_position_embeddings", config.context},
                     {"hidden_act", "silu"},
                     {"tie_word_embeddings", config.tied_head},
                     {"bos_token_id", config.begin_token},
                     {"eos_token_id", nullptr},
                     {"attention_bias", false},
                     {"mlp_bias", false},
                     {"torch_dtype", "float32"}};
  return json.dump(1);
}

void export_model(const Model& model, const std::filesystem::path& directory) {
  const TokenizerData tokenizer = original_tokenizer(model);
  ModelConfig config = model.config;
  config.begin_token = model.original_ids[config.begin_token];
  const std::string config_text = export_config(config, rope_base(model));
  const std::string tokenizer_text = export_tokenizer(tokenizer, config.begin_token);
  replace_file(directory / "config.json", as_byte_span(config_text));
  replace_file(directory / "tokenizer.json", as_byte_span(tokenizer_text));
  replace_file(directory / "model.safetensors", serialize_safetensors(tensors_of(model)));
}

}  // namespace fz::model
