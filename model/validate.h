// Parts of validate_model that the importer and the tokenizer need by themselves. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "model/model.h"

namespace fz::model {

/// Limits of docs/model-format.md, section 4.
inline constexpr std::uint32_t kMaxTokenBytes = 1024;
inline constexpr std::uint32_t kMaxMerges = 1u << 20;
inline constexpr std::uint32_t kMaxAddedTokens = 65536;
inline constexpr std::uint32_t kMaxPatterns = 16;
inline constexpr std::uint32_t kMaxPatternBytes = 4096;
inline constexpr std::uint32_t kMaxNameBytes = 255;
inline constexpr std::uint32_t kMaxVocabulary = 1u << 18;

/// The limits of section 1 without those that need the tokens. Throws Error(code), naming `source`.
void validate_config(const ModelConfig& config, const std::string& source, ErrorCode code);

/// Ids, lengths, all single bytes, merges that concatenate; not the order of the tokens. Throws Error(kCorrupt).
void validate_tokenizer(const TokenizerData& tokenizer, const std::string& source);

/// Bytes of the tensors section for a configuration that passed validate_config; then it cannot overflow.
std::uint64_t tensor_bytes(const ModelConfig& config);

}  // namespace fz::model
