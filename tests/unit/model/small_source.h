// A small Hugging Face directory, to be damaged or not, written and imported. For tests of the importer and the
// exporter.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "model/import.h"
#include "tests/unit/model/checkpoint_writer.h"

namespace fz::model {

/// Byte-level BPE's visible character for a byte, as UTF-8.
inline std::string visible(int byte) {
  int character = byte;
  const auto is_visible = [](int b) { return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b != 0xad); };
  if (!is_visible(byte)) {
    character = 256;
    for (int b = 0; b < byte; ++b) character += is_visible(b) ? 0 : 1;
  }
  if (character < 0x80) return std::string(1, static_cast<char>(character));
  return {static_cast<char>(0xc0 | character >> 6), static_cast<char>(0x80 | (character & 63))};
}

/// Everything of a directory, to be damaged and then written.
struct Source {
  nlohmann::json config = {{"model_type", "llama"},    {"hidden_size", 8},
                           {"intermediate_size", 12},  {"num_hidden_layers", 1},
                           {"num_attention_heads", 2}, {"num_key_value_heads", 1},
                           {"vocab_size", 264},        {"rms_norm_eps", 1e-5},
                           {"rope_theta", 10000.0},    {"max_position_embeddings", 32},
                           {"hidden_act", "silu"},     {"tie_word_embeddings", true},
                           {"bos_token_id", 258},      {"attention_bias", false},
                           {"mlp_bias", false}};
  nlohmann::json tokenizer = {
      {"added_tokens", nlohmann::json::array({{{"id", 258}, {"content", "<bos>"}, {"special", true}}})},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
      {"model", {{"type", "BPE"}, {"vocab", nlohmann::json::object()}, {"merges", {"a b", "ab a"}}}}};
  std::map<std::string, TestTensor> tensors;

  /// Ids: the bytes in descending order, then "ab", "aba", then the special token; 5 rows of padding.
  Source() {
    nlohmann::json& vocabulary = tokenizer["model"]["vocab"];
    for (int byte = 0; byte < 256; ++byte) vocabulary[visible(byte)] = 255 - byte;
    vocabulary["ab"] = 256;
    vocabulary["aba"] = 257;
    const auto tensor = [&](const std::string& name, std::vector<std::uint64_t> shape) {
      std::uint64_t count = 1;
      for (std::uint64_t extent : shape) count *= extent;
      std::vector<float> values(count);
      for (std::uint64_t i = 0; i < count; ++i) values[i] = std::sin(static_cast<float>(i + 7 * tensors.size()));
      tensors[name] = {std::move(shape), std::move(values)};
    };
    tensor("model.embed_tokens.weight", {264, 8});
    const std::string layer = "model.layers.0.";
    tensor(layer + "input_layernorm.weight", {8});
    tensor(layer + "self_attn.q_proj.weight", {8, 8});
    tensor(layer + "self_attn.k_proj.weight", {4, 8});
    tensor(layer + "self_attn.v_proj.weight", {4, 8});
    tensor(layer + "self_attn.o_proj.weight", {8, 8});
    tensor(layer + "post_attention_layernorm.weight", {8});
    tensor(layer + "mlp.gate_proj.weight", {12, 8});
    tensor(layer + "mlp.up_proj.weight", {12, 8});
    tensor(layer + "mlp.down_proj.weight", {8, 12});
    tensor("model.norm.weight", {8});
  }

  void write_to(const TestDirectory& directory) const {
    directory.write("config.json", config.dump());
    directory.write("tokenizer.json", tokenizer.dump());
    directory.write("model.safetensors", safetensors_bytes(tensors));
  }
};

inline Model import_source(const Source& source, std::uint32_t context = 0) {
  const TestDirectory directory;
  source.write_to(directory);
  return import_model(directory.path(), context);
}

}  // namespace fz::model
