// Another tokenizer for a model: which rows its tokens begin with.
#include "model/train/tokenizer_change.h"

#include <gtest/gtest.h>

#include "model/json_file.h"
#include "model/safetensors.h"
#include "support/expect_error.h"
#include "tests/unit/model/small_source.h"

namespace fz::model {
namespace {

using test::expect_error;
using Rows = std::vector<std::vector<float>>;

Rows rows_of(const std::string& path, const std::string& name) {
  const SafetensorsFile file(path);
  const auto& shape = file.tensors().at(name).shape;
  const std::vector<float> values = file.read_floats(name);
  Rows rows;
  for (std::size_t row = 0; row < shape.at(0); ++row) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row * shape.at(1));
    rows.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(shape.at(1)));
  }
  return rows;
}

std::vector<float> mean(const Rows& rows) {
  std::vector<float> result(rows.front().size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    for (const std::vector<float>& row : rows) result[i] += row[i];
    result[i] /= static_cast<float>(rows.size());
  }
  return result;
}

/// Ids: the special token, bytes in ascending order, "ab" and "abac", which the old one spells "ab" "a" "c"; another
/// special one.
nlohmann::json other_tokenizer() {
  nlohmann::json tokenizer = Source().tokenizer;
  nlohmann::json& vocabulary = tokenizer["model"]["vocab"];
  vocabulary = nlohmann::json::object();
  for (int byte = 0; byte < 256; ++byte) vocabulary[visible(byte)] = 1 + byte;
  vocabulary["ab"] = 257;
  vocabulary["ac"] = 258;
  vocabulary["abac"] = 259;
  tokenizer["model"]["merges"] = {"a b", "a c", "ab ac"};
  tokenizer["added_tokens"] = nlohmann::json::array({{{"id", 0}, {"content", "<begin>"}, {"special", true}},
                                                     {{"id", 260}, {"content", "<more>"}, {"special", true}}});
  return tokenizer;
}

void expect_respelled(const Rows& before, const Rows& after) {
  const auto old_byte = [&](int byte) { return before[static_cast<std::size_t>(255 - byte)]; };
  ASSERT_EQ(after.size(), 261u);
  EXPECT_EQ(after[0], before[258]) << "what begins chunks";
  for (int byte = 0; byte < 256; ++byte) EXPECT_EQ(after[static_cast<std::size_t>(1 + byte)], old_byte(byte)) << byte;
  EXPECT_EQ(after[257], before[256]) << "ab: the old one has it";
  EXPECT_EQ(after[258], mean({old_byte('a'), old_byte('c')}));
  EXPECT_EQ(after[259], mean({before[257], old_byte('c')})) << "abac: aba, c";
  EXPECT_EQ(after[260], std::vector<float>(8)) << "another special token";
}

TEST(TokenizerChange, KeepsRowsOfKnownTokensAndSpellsTheOthers) {
  Source source;
  source.config["tie_word_embeddings"] = false;
  source.tensors["lm_head.weight"] = source.tensors.at("model.embed_tokens.weight");
  for (float& value : source.tensors.at("lm_head.weight").values) value *= 0.3f;
  const TestDirectory directory;
  source.write_to(directory);
  const std::string weights = directory.file("model.safetensors");
  const Rows embedding = rows_of(weights, "model.embed_tokens.weight"), head = rows_of(weights, "lm_head.weight");
  directory.write("new.json", other_tokenizer().dump());
  change_tokenizer(directory.path(), directory.file("new.json"));
  expect_respelled(embedding, rows_of(weights, "model.embed_tokens.weight"));
  expect_respelled(head, rows_of(weights, "lm_head.weight"));
  const Model before = import_source(source), model = import_model(directory.path());
  EXPECT_EQ(model.config.vocabulary_size, 261u);
  EXPECT_TRUE(model.tokenizer.tokens.at(model.config.begin_token).empty());
  EXPECT_EQ(model.layers.at(0).down.weights, before.layers.at(0).down.weights) << "all else stays";
}

TEST(TokenizerChange, BytesWithoutARowBeginWithZeros) {
  Source source;
  // No token for "z": the importer gives it one beyond the rows.
  source.tokenizer["model"]["vocab"].erase("z");
  source.config["vocab_size"] = 259;
  source.tensors.at("model.embed_tokens.weight").shape = {259, 8};
  source.tensors.at("model.embed_tokens.weight").values.resize(259 * 8);
  const TestDirectory directory;
  source.write_to(directory);
  directory.write("new.json", other_tokenizer().dump());
  change_tokenizer(directory.path(), directory.file("new.json"));
  const Rows rows = rows_of(directory.file("model.safetensors"), "model.embed_tokens.weight");
  EXPECT_EQ(rows.at(1 + 'z'), std::vector<float>(8));
  EXPECT_NE(rows.at(1 + 'y'), std::vector<float>(8));
}

TEST(TokenizerChange, RefusesWhatCannotBe) {
  const TestDirectory directory;
  Source().write_to(directory);
  const auto change = [&](const nlohmann::json& tokenizer) {
    directory.write("new.json", tokenizer.dump());
    change_tokenizer(directory.path(), directory.file("new.json"));
  };
  expect_error(ErrorCode::kInput, "missing.json",
               [&] { change_tokenizer(directory.path(), directory.file("missing.json")); });
  nlohmann::json none_special = Source().tokenizer;
  none_special["added_tokens"] = nlohmann::json::array();
  expect_error(ErrorCode::kUsage, "no special token", [&] { change(none_special); });
  // A stray file beside the one that the index names; it must not decide how much memory is taken.
  directory.write("model.safetensors.index.json",
                  nlohmann::json{{"weight_map", {{"model.norm.weight", "model.safetensors"}}}}.dump());
  directory.write("stray.safetensors",
                  safetensors_bytes({{"lm_head.weight", {{1, 264 * 8}, std::vector<float>(264 * 8)}}}));
  expect_error(ErrorCode::kCorrupt, "has not 8 columns", [&] { change(other_tokenizer()); });
}

}  // namespace
}  // namespace fz::model
