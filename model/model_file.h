// Reading and writing `.fzm` model files (docs/model-format.md). Files are untrusted: everything is checked before use.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "model/model.h"

namespace fz::model {

/// Largest model file that is read.
inline constexpr std::uint64_t kMaxModelFileBytes = std::uint64_t{64} << 30;

/// The file's bytes. Sets nothing; call finalize_model first.
Bytes serialize_model(const Model& model);

/// Parses and validates; `source` names the file in errors. Throws Error(kCorrupt).
std::shared_ptr<const Model> parse_model(ByteSpan bytes, const std::string& source);

/// Reads a model file. Throws Error(kInput), Error(kCorrupt) or Error(kUnsupported).
std::shared_ptr<const Model> load_model(const std::string& path);

/// Checks shapes and the value ranges on which docs/numerics.md proves that nothing overflows. Throws Error(kCorrupt).
void validate_model(const Model& model, const std::string& source);

/// Computes weights_hash and tokenizer_hash.
void finalize_model(Model& model);

}  // namespace fz::model
