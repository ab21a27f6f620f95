// Hugging Face directories as training begins and ends with them: config.json, tokenizer.json, model.safetensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "model/model.h"
#include "model/train/trainer.h"

namespace fz::model {

inline constexpr std::uint32_t kNewContext = 512;

/// Shape of a model that is to be trained.
struct Architecture {
  std::uint32_t width = 256;
  std::uint32_t layers = 6;
  std::uint32_t heads = 4;
  std::uint32_t kv_heads = 4;
  std::uint32_t head_width = 64;
  std::uint32_t feed_forward_width = 704;
  std::uint32_t context = 0;  ///< 0: of a new model kNewContext.
  double rope_theta = 10000;
};

/// The first special token: a model that is trained with this tokenizer begins its chunks with it. Throws
/// Error(kUsage), naming `path`, when there is none.
TokenId begin_token_of(const TokenizerData& tokenizer, const std::filesystem::path& path);

/// Writes an untrained model with a tied head and the tokens of `tokenizer_path`, whose first special token begins
/// chunks: normally distributed weights (Radford et al. 2019, GPT-2). `directory` exists. Throws Error(kInput),
/// Error(kCorrupt), Error(kOutput), or Error(kUsage) when the tokenizer has no special token or the architecture is
/// beyond the limits of models or of training.
void write_untrained_model(const std::filesystem::path& directory, const Architecture& architecture,
                           const std::filesystem::path& tokenizer_path, std::uint64_t seed);

/// In place of a model to begin from: the one inside the program.
inline constexpr const char* kDefaultModel = "default";

/// Copies the model `from` to `directory` as a start of training that sees chunks of `context` tokens, even more than
/// it has seen so far (0: as many). `from` is such a directory, a model file, or kDefaultModel. Throws as
/// write_untrained_model, and as load_model, export_model or, for a bad config.json, read_json do.
void copy_model(const std::filesystem::path& directory, const std::filesystem::path& from, std::uint32_t context);

/// Writes what training made of the model that was imported from `start`; the tokenizer stays, and so does the
/// configuration but for rows of the embedding that belonged to no token.
void write_trained_model(const std::filesystem::path& directory, const std::filesystem::path& start, const Model& model,
                         std::span<const NamedTensor> weights);

}  // namespace fz::model
