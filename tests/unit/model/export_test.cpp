// The exporter: what it writes, the importer makes the same model of.
#include "model/export.h"

#include <gtest/gtest.h>

#include "model/embedded_model.h"
#include "model/json_file.h"
#include "model/model_file.h"
#include "model/tokenizer.h"
#include "support/expect_error.h"
#include "tests/unit/model/small_source.h"

namespace fz::model {
namespace {

/// There and back, with the context that it has.
Model again(const Model& model) {
  const TestDirectory directory;
  export_model(model, directory.path());
  Model result = import_model(directory.path(), model.config.context);
  result.name = model.name;
  finalize_model(result);
  return result;
}

void expect_same(const Model& model) {
  EXPECT_EQ(serialize_model(again(model)), serialize_model(model));
}

TEST(Export, TheModelInsideTheProgramComesBackBitForBit) {
  expect_same(*embedded_model());
}

TEST(Export, EverythingThatAModelCanHaveComesBack) {
  Source source;
  source.config["tie_word_embeddings"] = false;
  source.tensors["lm_head.weight"] = source.tensors.at("model.embed_tokens.weight");
  for (float& value : source.tensors.at("lm_head.weight").values) value *= 0.3f;
  source.config["rms_norm_eps"] = 3e-6;
  source.config["rope_theta"] = 500000;
  nlohmann::json& added = source.tokenizer["added_tokens"];
  added.push_back({{"id", 259}, {"content", "<other>"}, {"special", true}});
  added.push_back({{"id", 260}, {"content", "<tool> é"}, {"special", false}});
  added.push_back({{"id", 261}, {"content", "<|bos|>"}, {"special", false}});  // as the exporter calls another
  source.tokenizer["model"]["ignore_merges"] = true;
  Model model = import_source(source, 16);
  finalize_model(model);
  ASSERT_EQ(model.tokenizer.added_tokens.size(), 2u);
  expect_same(model);
}

TEST(Export, TheBaseOfTheRotaryEmbeddingIsFound) {
  for (const double theta : {10000.0, 500000.0, 1e6, 100.25, 1.0}) {
    Source source;
    source.config["rope_theta"] = theta;
    const TestDirectory directory;
    export_model(import_source(source, 32), directory.path());
    EXPECT_EQ(read_json(directory.file("config.json"))["rope_theta"], theta);
  }
}

TEST(Export, WhatNoDirectoryCanSayIsRefused) {
  const TestDirectory directory;
  const Model good = import_source(Source());
  const auto expect_refused = [&](const char* what, const Model& model) {
    test::expect_error(ErrorCode::kUnsupported, what, [&] { export_model(model, directory.path()); });
    EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  };
  Model bad = good;
  bad.rope_sine.back() += 0.01f;
  expect_refused("rotary embedding", bad);
  bad = good;
  bad.original_ids[3] = bad.original_ids[4];
  expect_refused("original ids", bad);
  bad = good;
  bad.original_ids[3] = 1u << 31;
  expect_refused("original ids", bad);
}

}  // namespace
}  // namespace fz::model
