// A Hugging Face Llama-family directory to a Model (docs/model-format.md, "Import"). Reads one tensor at a time, so
// that a large checkpoint needs little more memory than the int8 model that is made of it.
#include "model/import.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "model/checkpoint.h"
#include "model/json_file.h"
#include "model/model_file.h"
#include "model/rope.h"
#include "model/validate.h"

namespace fz::model {
namespace {

constexpr std::uint32_t kDefaultContext = 512;
constexpr std::uint32_t kNoRow = 0xffffffff;

/// What config.json says, beyond ModelConfig.
struct SourceConfig {
  ModelConfig config;  // vocabulary_size and begin_token as in the file
  double rope_theta = 10000;
  Json rope_scaling;  // null, or the "llama3" parameters
};

/// Members of config.json with the file's name in every error.
class ConfigReader {
 public:
  explicit ConfigReader(const std::string& path) : path_(path), json_(read_json(path)) {}

  const Json& json() const { return json_; }
  const std::string& path() const { return path_; }

  [[noreturn]] void unsupported(const std::string& what) const {
    fail(ErrorCode::kUnsupported, "{}: {}; only models that compute as Llama does can be imported", path_,
         display_text(what));
  }
  std::uint32_t count(const char* key, std::uint32_t fallback) const {
    const Json& value = member(json_, key);
    if (value.is_null()) {
      if (fallback == kNoRow) fail(ErrorCode::kCorrupt, "{}: {} is missing", path_, key);
      return fallback;
    }
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= kNoRow) {
      fail(ErrorCode::kCorrupt, "{}: {} is not a count", path_, key);
    }
    return value.get<std::uint32_t>();
  }
  double number(const Json& object, const char* key, double fallback) const {
    const Json& value = member(object, key);
    if (value.is_null()) return fallback;
    if (!value.is_number() || !std::isfinite(value.get<double>())) {
      fail(ErrorCode::kCorrupt, "{}: {} is not a number", path_, key);
    }
    return value.get<double>();
  }

 private:
  std::string path_;
  Json json_;
};

void read_rope(const ConfigReader& reader, SourceConfig& source) {
  const Json& json = reader.json();
  source.rope_theta = reader.number(json, "rope_theta", 10000);
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const Json& rope = member(json, key);
    if (!rope.is_object()) continue;
    source.rope_theta = reader.number(rope, "rope_theta", source.rope_theta);
    std::string type = string_member(rope, "rope_type");
    if (type.empty()) type = string_member(rope, "type");
    if (type == "llama3") {
      source.rope_scaling = rope;
    } else if (!type.empty() && type != "default") {
      reader.unsupported(fmt::format("{}: type '{}'", key, type));
    }
  }
  if (!(source.rope_theta > 0)) reader.unsupported("rope_theta is not positive");
  if (reader.number(json, "partial_rotary_factor", 1) != 1) reader.unsupported("partial_rotary_factor is not 1");
  if (flag_member(json, "rope_interleaved")) reader.unsupported("rope_interleaved is set");
}

SourceConfig read_source_config(const std::string& path, std::uint32_t context) {
  const ConfigReader reader(path);
  const Json& json = reader.json();
  const std::string type = string_member(json, "model_type");
  if (type != "llama" && type != "mistral") reader.unsupported(fmt::format("model_type '{}'", type));
  for (const char* key : {"attention_bias", "mlp_bias"}) {
    if (flag_member(json, key)) reader.unsupported(fmt::format("{} is set", key));
  }
  const std::string activation = string_member(json, "hidden_act");
  if (!activation.empty() && activation != "silu") reader.unsupported(fmt::format("hidden_act '{}'", activation));
  if (!member(json, "quantization_config").is_null()) reader.unsupported("the weights are quantized");

  SourceConfig source;
  ModelConfig& config = source.config;
  config.vocabulary_size = reader.count("vocab_size", kNoRow);
  config.width = reader.count("hidden_size", kNoRow);
  config.layers = reader.count("num_hidden_layers", kNoRow);
  config.heads = reader.count("num_attention_heads", kNoRow);
  config.kv_heads = reader.count("num_key_value_heads", config.heads);
  config.feed_forward_width = reader.count("intermediate_size", kNoRow);
  config.head_width = reader.count("head_dim", config.heads == 0 ? 0 : config.width / config.heads);
  config.norm_epsilon = static_cast<float>(reader.number(json, "rms_norm_eps", 1e-6));
  config.tied_head = flag_member(json, "tie_word_embeddings");
  if (!member(json, "bos_token_id").is_number_unsigned()) {
    reader.unsupported("bos_token_id is not one token, and every chunk has to begin with one");
  }
  config.begin_token = reader.count("bos_token_id", kNoRow);

  const std::uint32_t positions = reader.count("max_position_embeddings", 2048);
  if (context > positions) {
    fail(ErrorCode::kUsage, "{}: a context of {} is more than max_position_embeddings ({})", path, context, positions);
  }
  config.context = context != 0 ? context : std::min(positions, kDefaultContext);
  // Sliding attention over at least a whole chunk is plain attention.
  const std::uint32_t window =
      reader.count("sliding_window", type == "mistral" && !json.contains("sliding_window") ? 4096 : kNoRow - 1);
  if (window < config.context) reader.unsupported(fmt::format("sliding_window of {} is below the context", window));
  read_rope(reader, source);

  // The number of rows may exceed the tokens and their limit by padding; all else has to be within the limits now,
  // before anything is allocated.
  ModelConfig checked = config;
  if (config.begin_token >= config.vocabulary_size) reader.unsupported("bos_token_id is not below vocab_size");
  checked.vocabulary_size = std::clamp(config.vocabulary_size, 257u, kMaxVocabulary);
  checked.begin_token = 0;
  validate_config(checked, path, ErrorCode::kUnsupported);
  return source;
}

/// Quantizes a tensor by rows. `row_of[i]` is the source row of row i, zeros when there is none such; empty: the same.
QuantizedMatrix quantize(const std::vector<float>& values, std::uint32_t rows, std::uint32_t columns,
                         const std::vector<std::uint32_t>& row_of, const std::string& name) {
  QuantizedMatrix matrix;
  matrix.rows = rows;
  matrix.columns = columns;
  matrix.weights.resize(std::size_t{rows} * columns);
  matrix.scales.resize(rows);
  for (std::uint32_t row = 0; row < rows; ++row) {
    const std::size_t source_row = row_of.empty() ? row : row_of[row];
    if (source_row * columns >= values.size()) continue;  // weights and scale stay 0
    const float* source = values.data() + source_row * columns;
    float largest = 0;
    for (std::uint32_t i = 0; i < columns; ++i) largest = std::max(largest, std::fabs(source[i]));
    const float inverse = 127.0f / largest;
    if (largest == 0 || !std::isfinite(inverse)) continue;
    matrix.scales[row] = largest / 127.0f;
    if (matrix.scales[row] > 1) {
      fail(ErrorCode::kUnsupported, "tensor '{}': row {} holds {}; weights over 127 cannot be imported", name, row,
           largest);
    }
    std::int8_t* target = matrix.weights.data() + std::size_t{row} * columns;
    for (std::uint32_t i = 0; i < columns; ++i) {
      target[i] = static_cast<std::int8_t>(std::clamp(std::nearbyint(source[i] * inverse), -127.0f, 127.0f));
    }
  }
  return matrix;
}

/// Turns per token position, for each pair of elements of a head.
std::vector<double> frequencies_of(const SourceConfig& source, const std::string& path) {
  std::vector<double> frequencies = rope_frequencies(source.rope_theta, source.config.head_width);
  if (source.rope_scaling.is_null()) return frequencies;
  // Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between blended.
  const auto parameter = [&](const char* key) {
    const Json& value = member(source.rope_scaling, key);
    if (!value.is_number() || !(value.get<double>() > 0)) {
      fail(ErrorCode::kCorrupt, "{}: rope scaling: {} is missing or not positive", path, key);
    }
    return value.get<double>();
  };
  const double factor = parameter("factor"), low = parameter("low_freq_factor"), high = parameter("high_freq_factor");
  const double positions = parameter("original_max_position_embeddings");
  if (!(high > low)) fail(ErrorCode::kCorrupt, "{}: rope scaling: high_freq_factor is not above low_freq_factor", path);
  for (double& frequency : frequencies) {
    const double turns = positions * frequency / (2 * M_PI);
    const double blend = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    frequency = (1 - blend) * frequency / factor + blend * frequency;
  }
  return frequencies;
}

/// Renumbers the tokens in the order of their bytes; original_ids[new] = old.
void sort_tokens(const TokenizerData& source, Model& model) {
  std::vector<std::uint32_t>& old_of = model.original_ids;
  old_of.resize(source.tokens.size());
  std::iota(old_of.begin(), old_of.end(), 0u);
  std::stable_sort(old_of.begin(), old_of.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return source.tokens[a] < source.tokens[b]; });
  std::vector<TokenId> new_of(old_of.size());
  for (TokenId id = 0; id < old_of.size(); ++id) new_of[old_of[id]] = id;

  TokenizerData& target = model.tokenizer;
  target.patterns = source.patterns;
  target.ignore_merges = source.ignore_merges;
  for (std::uint32_t old : old_of) target.tokens.push_back(source.tokens[old]);
  for (const auto& [left, right, result] : source.merges) {
    target.merges.push_back({new_of[left], new_of[right], new_of[result]});
  }
  for (TokenId id : source.added_tokens) target.added_tokens.push_back(new_of[id]);
  std::sort(target.added_tokens.begin(), target.added_tokens.end());
  model.config.vocabulary_size = static_cast<std::uint32_t>(old_of.size());
  model.config.begin_token = new_of[model.config.begin_token];
}

void import_tensors(Checkpoint& checkpoint, std::uint32_t source_rows, Model& model) {
  const ModelConfig& c = model.config;
  const std::uint32_t queries = c.heads * c.head_width, keys = c.kv_heads * c.head_width;
  const auto matrix = [&](const std::string& name, std::uint32_t rows, std::uint32_t columns) {
    return quantize(checkpoint.take(name, {rows, columns}), rows, columns, {}, name);
  };
  const auto vocabulary_matrix = [&](const std::string& name) {
    return quantize(checkpoint.take(name, {source_rows, c.width}), c.vocabulary_size, c.width, model.original_ids,
                    name);
  };
  model.embedding = vocabulary_matrix("model.embed_tokens.weight");
  for (std::uint32_t i = 0; i < c.layers; ++i) {
    const std::string prefix = fmt::format("model.layers.{}.", i);
    Layer& layer = model.layers.emplace_back();
    layer.attention_norm = checkpoint.take(prefix + "input_layernorm.weight", {c.width});
    layer.query = matrix(prefix + "self_attn.q_proj.weight", queries, c.width);
    layer.key = matrix(prefix + "self_attn.k_proj.weight", keys, c.width);
    layer.value = matrix(prefix + "self_attn.v_proj.weight", keys, c.width);
    layer.attention_output = matrix(prefix + "self_attn.o_proj.weight", c.width, queries);
    layer.feed_forward_norm = checkpoint.take(prefix + "post_attention_layernorm.weight", {c.width});
    layer.gate = matrix(prefix + "mlp.gate_proj.weight", c.feed_forward_width, c.width);
    layer.up = matrix(prefix + "mlp.up_proj.weight", c.feed_forward_width, c.width);
    layer.down = matrix(prefix + "mlp.down_proj.weight", c.width, c.feed_forward_width);
  }
  model.final_norm = checkpoint.take("model.norm.weight", {c.width});
  if (!c.tied_head) model.head = vocabulary_matrix("lm_head.weight");
  checkpoint.expect_all_taken(c.tied_head);
}

/// The folder's name, as far as the format allows.
std::string name_of(const std::string& directory) {
  std::string name = std::filesystem::absolute(directory).lexically_normal().filename().string();
  if (name.empty()) name = std::filesystem::absolute(directory).lexically_normal().parent_path().filename().string();
  for (char& c : name) {
    if (c < 0x20 || c > 0x7e) c = '_';
  }
  return name.substr(0, kMaxNameBytes);
}

}  // namespace

Model import_model(const std::string& directory, std::uint32_t context) {
  const std::string config_path = directory + "/config.json", tokenizer_path = directory + "/tokenizer.json";
  const SourceConfig source = read_source_config(config_path, context);
  const TokenizerData tokenizer = import_tokenizer(tokenizer_path);
  for (std::size_t id = source.config.vocabulary_size; id < tokenizer.tokens.size(); ++id) {
    if (tokenizer.tokens[id].size() == 1) continue;  // added for a missing byte: it gets a row of zeros
    fail(ErrorCode::kCorrupt, "{}: token {} exists, but vocab_size in config.json is {}", tokenizer_path, id,
         source.config.vocabulary_size);
  }
  if (source.config.begin_token >= tokenizer.tokens.size() || !tokenizer.tokens[source.config.begin_token].empty()) {
    fail(ErrorCode::kUnsupported, "{}: bos_token_id {} is not a special token of tokenizer.json", config_path,
         source.config.begin_token);
  }
  Model model;
  model.name = name_of(directory);
  model.config = source.config;
  sort_tokens(tokenizer, model);
  Checkpoint checkpoint(directory);
  import_tensors(checkpoint, source.config.vocabulary_size, model);
  fill_rope_tables(frequencies_of(source, config_path), model);
  validate_model(model, directory);
  finalize_model(model);
  return model;
}

}  // namespace fz::model
