// The directories that training begins and ends with, without training.
#include "model/train/model_directory.h"

#include <gtest/gtest.h>

#include "model/export.h"
#include "model/json_file.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"
#include "tests/unit/model/small_source.h"

namespace fz::model {
namespace {

using test::expect_error;
using test::TemporaryDirectory;

/// The tensors of a model with its own token numbers, as a trainer gives them.
std::vector<NamedTensor> weights_of(const Model& model) {
  const TemporaryDirectory directory;
  export_model(model, directory.path());
  const SafetensorsFile file(directory / "model.safetensors");
  std::vector<NamedTensor> weights;
  for (const auto& [name, tensor] : file.tensors()) {
    NamedTensor& weight = weights.emplace_back(NamedTensor{name, tensor.shape, file.read_floats(name)});
    if (name != "model.embed_tokens.weight") continue;
    const std::vector<float> old = weight.values;
    const std::size_t width = model.config.width;
    for (std::size_t row = 0; row < model.original_ids.size(); ++row) {
      std::copy_n(old.begin() + static_cast<std::ptrdiff_t>(model.original_ids[row] * width), width,
                  weight.values.begin() + static_cast<std::ptrdiff_t>(row * width));
    }
  }
  return weights;
}

/// Writes what the weights of the start are, untrained, and imports that.
void expect_same_again(const Source& source) {
  const TestDirectory start;
  source.write_to(start);
  const Model model = import_model(start.path());
  const TemporaryDirectory result;
  write_trained_model(result.path(), start.path(), model, weights_of(model));
  const Model again = import_model(result.path());
  EXPECT_EQ(again.weights_hash, model.weights_hash);
  EXPECT_EQ(again.tokenizer_hash, model.tokenizer_hash);
}

TEST(ModelDirectory, ATrainedModelHasNoRowsWithoutTokens) {
  expect_same_again(Source());  // 264 rows, 259 tokens
}

TEST(ModelDirectory, ATrainedModelHasRowsForBytesThatHadNone) {
  Source source;
  source.tokenizer["model"]["vocab"].erase("z");
  source.config["vocab_size"] = 259;
  source.tensors.at("model.embed_tokens.weight").shape = {259, 8};
  source.tensors.at("model.embed_tokens.weight").values.resize(259 * 8);
  expect_same_again(source);
}

TEST(ModelDirectory, ImpossibleArchitecturesAreRefusedBeforeTheyTakeMemory) {
  const TestDirectory directory;
  Source().write_to(directory);
  const TemporaryDirectory made;
  const auto write = [&](const Architecture& shape) {
    write_untrained_model(made.path(), shape, directory.file("tokenizer.json"), 1);
  };
  expect_error(ErrorCode::kUsage, "the new model: kv_heads is 3, must divide heads (4)",
               [&] { write({.kv_heads = 3}); });
  expect_error(ErrorCode::kUsage, "billion parameters", [&] { write({.width = 16384, .layers = 256}); });
  EXPECT_TRUE(std::filesystem::is_empty(made.path()));
  write({.width = 8, .layers = 1, .heads = 1, .kv_heads = 1, .head_width = 4, .feed_forward_width = 4});
  EXPECT_EQ(import_model(made.path()).config.vocabulary_size, 259u);
}

}  // namespace
}  // namespace fz::model
