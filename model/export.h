// A Model as a Hugging Face Llama-family directory: the way back from model/import.h, to go on training a model of
// which only the model file is there, or to look at it with other programs.
#pragma once

#include <filesystem>
#include <string>

#include "model/model.h"

namespace fz::model {

/// The config.json of such a directory. `config` numbers its tokens as the tokenizer.json beside it does.
std::string export_config(const ModelConfig& config, double rope_theta);

/// Writes config.json, tokenizer.json and model.safetensors to `directory`, which exists, with the numbers that tokens
/// had where the model was imported from. Weights are what the integers stand for (binary32): of a model that the
/// importer made, it makes the same again. Throws Error(kOutput), or Error(kUnsupported) when the model's rotary
/// embedding is not that of one base, or its original ids are not a numbering.
void export_model(const Model& model, const std::filesystem::path& directory);

}  // namespace fz::model
