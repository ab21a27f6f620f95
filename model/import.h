// Turns a Hugging Face Llama-family directory into a Model: config.json, tokenizer.json, *.safetensors.
#pragma once

#include <string>

#include "model/model.h"

namespace fz::model {

/// Throws Error(kInput) for missing files, Error(kCorrupt) for broken ones, Error(kUnsupported) for architectures that
/// are not RMSNorm + RoPE + SwiGLU + (grouped-query) attention or tokenizers that are not byte-level BPE.
/// `context` 0 takes min(max_position_embeddings, 512).
Model import_model(const std::string& directory, std::uint32_t context = 0);

/// The tokenizer of a tokenizer.json, with the ids it has there; single bytes that have no token get new ids after the
/// last.
TokenizerData import_tokenizer(const std::string& path);

}  // namespace fz::model
