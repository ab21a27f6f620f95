// Gives a model in a Hugging Face directory another tokenizer, as a start of training. Rank 0 calls it, on a copy.
#pragma once

#include <filesystem>

namespace fz::model {

/// Replaces tokenizer.json, and in config.json and the weights what depends on it. A token that the model knows keeps
/// its row of embedding and head; another one begins with the mean of the rows of the old tokens that spell it (after
/// Gee et al. 2022, "Fast Vocabulary Transfer"); special tokens beside the one that begins chunks begin with zeros.
/// Throws what import_model throws, Error(kOutput), or Error(kUsage) when the tokenizer has no special token.
void change_tokenizer(const std::filesystem::path& directory, const std::filesystem::path& tokenizer_path);

}  // namespace fz::model
