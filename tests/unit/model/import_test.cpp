// The importer: a small Hugging Face directory made here, imported, and refused with each thing wrong in turn.
#include "model/import.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "model/model_file.h"
#include "model/tokenizer.h"
#include "tests/unit/model/small_source.h"

namespace fz::model {
namespace {

using Json = nlohmann::json;

TEST(Import, RenumbersTokensByTheirBytes) {
  const Source source;
  const Model model = import_source(source);
  EXPECT_EQ(model.config.vocabulary_size, 259u);  // padding rows dropped
  EXPECT_EQ(model.config.begin_token, 0u);
  EXPECT_EQ(model.original_ids[0], 258u);
  EXPECT_TRUE(std::is_sorted(model.tokenizer.tokens.begin(), model.tokenizer.tokens.end()));
  // Bytes 0..'a' come first, then "ab", "aba", then 'b'.
  EXPECT_EQ(model.original_ids[1 + 'a'], 255u - 'a');
  EXPECT_EQ(model.original_ids[2 + 'a'], 256u);
  EXPECT_EQ(model.original_ids[3 + 'a'], 257u);
  EXPECT_EQ(model.original_ids[3 + 'b'], 255u - 'b');
  const Tokenizer tokenizer(model.tokenizer, "test");
  EXPECT_EQ(tokenizer.encode(as_byte_span("abab")), (std::vector<TokenId>{2 + 'a', 2 + 'a'}));
  EXPECT_EQ(tokenizer.encode(as_byte_span("aba")), (std::vector<TokenId>{3 + 'a'}));
  // Rows moved with their tokens.
  const std::vector<float>& embedding = source.tensors.at("model.embed_tokens.weight").values;
  for (TokenId id = 0; id < 259; ++id) {
    for (std::uint32_t i = 0; i < 8; ++i) {
      const float real = model.embedding.weights[id * 8 + i] * model.embedding.scales[id];
      ASSERT_NEAR(real, embedding[model.original_ids[id] * 8 + i], model.embedding.scales[id] * 0.501f);
    }
  }
  const Bytes bytes = serialize_model(model);
  EXPECT_EQ(serialize_model(*parse_model(bytes, "file")), bytes);
}

TEST(Import, QuantizesByRows) {
  Source source;
  std::vector<float>& values = source.tensors.at("model.layers.0.self_attn.q_proj.weight").values;
  const std::vector<float> row = {1.27f, -1.27f, 0.01f, 0.014f, -0.016f, 0.0f, 1.0f, -0.5f};
  std::copy(row.begin(), row.end(), values.begin());
  std::fill(values.begin() + 8, values.begin() + 16, 0.0f);
  std::fill(values.begin() + 16, values.begin() + 24, 1e-38f);
  const QuantizedMatrix query = import_source(source).layers[0].query;
  EXPECT_EQ(query.scales[0], 1.27f / 127.0f);
  EXPECT_EQ((std::vector<int>(query.weights.begin(), query.weights.begin() + 8)),
            (std::vector<int>{127, -127, 1, 1, -2, 0, 100, -50}));
  for (std::size_t row_index : {1, 2}) {
    EXPECT_EQ(query.scales[row_index], 0.0f);
    EXPECT_EQ(query.weights[row_index * 8], 0);
  }
}

TEST(Import, RoundsHalvesToEven) {
  Source source;
  std::vector<float>& values = source.tensors.at("model.layers.0.self_attn.q_proj.weight").values;
  const std::vector<float> row = {127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 126.5f, 125.5f};
  std::copy(row.begin(), row.end(), values.begin());
  const QuantizedMatrix query = import_source(source).layers[0].query;
  EXPECT_EQ((std::vector<int>(query.weights.begin(), query.weights.begin() + 8)),
            (std::vector<int>{127, 0, 2, 2, 0, -2, 126, 126}));
}

TEST(Import, ComputesRopeTables) {
  Source source;
  const Model model = import_source(source, 8);
  ASSERT_EQ(model.rope_cosine.size(), 8u * 2);
  EXPECT_EQ(model.rope_cosine[0], 1.0f);
  EXPECT_EQ(model.rope_sine[3 * 2 + 0], static_cast<float>(std::sin(3.0)));
  EXPECT_EQ(model.rope_cosine[5 * 2 + 1], static_cast<float>(std::cos(5.0 * std::pow(10000.0, -0.5))));
  source.config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 500.0}};
  EXPECT_EQ(import_source(source).rope_sine[2 * 2 + 1], static_cast<float>(std::sin(2.0 * std::pow(500.0, -0.5))));
  source.config.erase("rope_parameters");
  source.config["rope_scaling"] = {{"rope_type", "llama3"},
                                   {"factor", 8.0},
                                   {"low_freq_factor", 1.0},
                                   {"high_freq_factor", 4.0},
                                   {"original_max_position_embeddings", 64}};
  const Model scaled = import_source(source);
  EXPECT_EQ(scaled.rope_sine[2 * 2 + 0], static_cast<float>(std::sin(2.0)));  // 10 turns in 64 positions: kept
  EXPECT_EQ(scaled.rope_sine[2 * 2 + 1], static_cast<float>(std::sin(2.0 * (0.01 / 8))));  // 0.1 turns: stretched
}

TEST(Import, ReadsUntiedHeadsAndSeveralFiles) {
  Source source;
  source.config["tie_word_embeddings"] = false;
  source.config["num_key_value_heads"] = nullptr;
  source.tensors["model.layers.0.self_attn.k_proj.weight"] = {{8, 8}, std::vector<float>(64, 0.5f)};
  source.tensors["model.layers.0.self_attn.v_proj.weight"] = {{8, 8}, std::vector<float>(64, 0.5f)};
  std::map<std::string, TestTensor> second = {{"lm_head.weight", source.tensors.at("model.embed_tokens.weight")}};
  second["lm_head.weight"].values[258 * 8] = 100;
  const TestDirectory directory;
  source.write_to(directory);
  directory.write("b.safetensors", safetensors_bytes(second));
  const Model model = import_model(directory.path());
  EXPECT_EQ(model.config.kv_heads, 2u);
  EXPECT_EQ(model.head.weights[0], 127);  // the special token's row
  EXPECT_EQ(model.head.scales[0], 100.0f / 127.0f);
  // With an index, only the files that it names.
  Json weight_map;
  for (const auto& [name, tensor] : source.tensors) weight_map[name] = "model.safetensors";
  directory.write("model.safetensors.index.json", Json{{"weight_map", weight_map}}.dump());
  EXPECT_THROW(import_model(directory.path()), Error);
  weight_map["lm_head.weight"] = "b.safetensors";
  directory.write("model.safetensors.index.json", Json{{"weight_map", weight_map}}.dump());
  EXPECT_EQ(import_model(directory.path()).weights_hash, model.weights_hash);
  weight_map["lm_head.weight"] = "../b.safetensors";
  directory.write("model.safetensors.index.json", Json{{"weight_map", weight_map}}.dump());
  EXPECT_THROW(import_model(directory.path()), Error);
}

TEST(Import, GivesMissingBytesTokens) {
  Source source;
  source.tokenizer["model"]["vocab"].erase(visible(0xff));
  source.tokenizer["model"]["vocab"].erase(visible(0xf5));
  source.tokenizer["added_tokens"].push_back({{"id", 259}, {"content", "   "}, {"special", false}});
  source.config["vocab_size"] = 261;  // one row of padding for two new tokens
  source.tensors["model.embed_tokens.weight"].shape[0] = 261;
  source.tensors["model.embed_tokens.weight"].values.resize(261 * 8);
  const Model model = import_source(source);
  const auto id_of = [&](const std::string& text) {
    const auto& tokens = model.tokenizer.tokens;
    return static_cast<std::size_t>(std::find(tokens.begin(), tokens.end(), text) - tokens.begin());
  };
  EXPECT_EQ(model.original_ids.at(id_of("\xf5")), 260u);
  EXPECT_EQ(model.original_ids.at(id_of("\xff")), 261u);
  EXPECT_GT(model.embedding.scales[id_of("\xf5")], 0.0f);
  EXPECT_EQ(model.embedding.scales[id_of("\xff")], 0.0f);
  EXPECT_EQ(model.tokenizer.added_tokens, (std::vector<TokenId>{static_cast<TokenId>(id_of("   "))}));
}

TEST(Import, AcceptsWhatComputesTheSame) {
  const auto expect_same = [](const std::function<void(Source&)>& change) {
    Source source;
    change(source);
    EXPECT_EQ(import_source(source).weights_hash, import_source(Source()).weights_hash);
  };
  expect_same([](Source& source) { source.config["model_type"] = "mistral"; });
  expect_same([](Source& source) { source.config["sliding_window"] = nullptr; });
  expect_same([](Source& source) { source.config["sliding_window"] = 32; });
  expect_same([](Source& source) { source.config["head_dim"] = 4; });
  expect_same([](Source& source) { source.config["max_position_embeddings"] = 32; });
  expect_same([](Source& source) { source.tensors["lm_head.weight"] = source.tensors["model.embed_tokens.weight"]; });
  expect_same([](Source& source) { source.tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = {{2}, {1, 2}}; });
  expect_same([](Source& source) { source.tokenizer["normalizer"] = {{"type", "NFC"}}; });
  expect_same([](Source& source) { source.tokenizer["model"]["merges"] = Json::array({{"a", "b"}, {"ab", "a"}}); });
}

TEST(Import, RefusesTheRest) {
  const auto expect_refused = [](ErrorCode code, const char* words, const std::function<void(Source&)>& damage,
                                 std::uint32_t context = 0) {
    Source source;
    damage(source);
    try {
      import_source(source, context);
      ADD_FAILURE() << "accepted: " << words;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  const std::string q = "model.layers.0.self_attn.q_proj.weight";
  using enum ErrorCode;
  expect_refused(kUnsupported, "model_type 'gpt_neox'", [](Source& s) { s.config["model_type"] = "gpt_neox"; });
  expect_refused(kUnsupported, "attention_bias", [](Source& s) { s.config["attention_bias"] = true; });
  expect_refused(kUnsupported, "mlp_bias", [](Source& s) { s.config["mlp_bias"] = true; });
  expect_refused(kUnsupported, "hidden_act 'gelu'", [](Source& s) { s.config["hidden_act"] = "gelu"; });
  expect_refused(kUnsupported, "type 'yarn'", [](Source& s) { s.config["rope_scaling"] = {{"type", "yarn"}}; });
  expect_refused(kUnsupported, "sliding_window", [](Source& s) { s.config["sliding_window"] = 31; });
  expect_refused(kUnsupported, "bos_token_id", [](Source& s) { s.config["bos_token_id"] = nullptr; });
  expect_refused(kUnsupported, "not a special token", [](Source& s) { s.config["bos_token_id"] = 5; });
  expect_refused(kUnsupported, "quantized", [](Source& s) { s.config["quantization_config"] = Json::object(); });
  expect_refused(kUnsupported, "layers", [](Source& s) { s.config["num_hidden_layers"] = 0; });
  expect_refused(kUnsupported, "width", [](Source& s) { s.config["hidden_size"] = 4000000000u; });
  expect_refused(kUnsupported, "head_width", [](Source& s) { s.config["num_attention_heads"] = 0; });
  expect_refused(kCorrupt, "hidden_size", [](Source& s) { s.config.erase("hidden_size"); });
  expect_refused(kCorrupt, "hidden_size", [](Source& s) { s.config["hidden_size"] = -8; });
  expect_refused(kCorrupt, "token 256 exists",
                 [](Source& s) { s.config["vocab_size"] = 256, s.config["bos_token_id"] = 0; });
  expect_refused(
      kUsage, "context of 33", [](Source&) {}, 33);
  expect_refused(kCorrupt, "is missing", [&](Source& s) { s.tensors.erase(q); });
  expect_refused(kCorrupt, "shape", [&](Source& s) { s.tensors[q].shape = {4, 16}; });
  expect_refused(kCorrupt, "not finite", [&](Source& s) { s.tensors[q].values[9] = std::nanf(""); });
  expect_refused(kUnsupported, "weights over 127", [&](Source& s) { s.tensors[q].values[9] = 127.5f; });
  expect_refused(kUnsupported, "q_proj.bias", [&](Source& s) {
    s.tensors["model.layers.0.self_attn.q_proj.bias"] = {{1}, {0}};
  });
  expect_refused(kCorrupt, "final_norm", [&](Source& s) { s.tensors["model.norm.weight"].values[0] = 5000; });
  expect_refused(kUnsupported, "model of type 'Unigram'", [](Source& s) { s.tokenizer["model"]["type"] = "Unigram"; });
  expect_refused(kUnsupported, "byte_fallback", [](Source& s) { s.tokenizer["model"]["byte_fallback"] = true; });
  expect_refused(kUnsupported, "Lowercase", [](Source& s) { s.tokenizer["normalizer"] = {{"type", "Lowercase"}}; });
  expect_refused(kUnsupported, "Metaspace", [](Source& s) { s.tokenizer["pre_tokenizer"] = {{"type", "Metaspace"}}; });
  expect_refused(kUnsupported, "pre_tokenizer", [](Source& s) { s.tokenizer["pre_tokenizer"] = nullptr; });
  expect_refused(kUnsupported, "add_prefix_space",
                 [](Source& s) { s.tokenizer["pre_tokenizer"]["add_prefix_space"] = true; });
  expect_refused(kCorrupt, "merge 2", [](Source& s) { s.tokenizer["model"]["merges"].push_back("q z"); });
  expect_refused(kCorrupt, "the id 7", [](Source& s) { s.tokenizer["model"]["vocab"]["ab"] = 7; });
  expect_refused(kUnsupported, "not a number below",
                 [](Source& s) { s.tokenizer["model"]["vocab"]["ab"] = 4000000000u; });
  expect_refused(kUnsupported, "no vocabulary", [](Source& s) { s.tokenizer["model"].erase("vocab"); });
  // The special token loses its bytes; a merge that makes it is inconsistent.
  expect_refused(kCorrupt, "merge 1",
                 [](Source& s) { s.tokenizer["added_tokens"][0]["id"] = 257, s.config["bos_token_id"] = 257; });
}

TEST(Import, NamesMissingAndBrokenFiles) {
  const auto code_of = [](const std::string& path) {
    try {
      import_model(path);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
      return error.code();
    }
    return ErrorCode{0};
  };
  EXPECT_EQ(code_of("/nonexistent/directory"), ErrorCode::kInput);
  const TestDirectory directory;
  const Source source;
  source.write_to(directory);
  EXPECT_EQ(code_of(directory.path()), ErrorCode{0});
  EXPECT_EQ(code_of(directory.path() + "/"), ErrorCode{0});
  std::filesystem::remove(directory.file("model.safetensors"));
  EXPECT_EQ(code_of(directory.path()), ErrorCode::kInput);
  directory.write("tokenizer.json", std::string("{\"model\": "));
  EXPECT_EQ(code_of(directory.path()), ErrorCode::kCorrupt);
  directory.write("config.json", std::string("[1, 2]"));
  EXPECT_EQ(code_of(directory.path()), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace fz::model
