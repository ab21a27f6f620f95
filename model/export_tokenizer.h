// Writes a byte-level BPE tokenizer as the tokenizer.json of Hugging Face `tokenizers`, which import_tokenizer and that
// library read. Pure function.
#pragma once

#include <string>

#include "model/model.h"

namespace fz::model {

/// What the token that begins chunks is called in a tokenizer.json made here.
inline constexpr const char* kBeginTokenText = "<|bos|>";

/// `tokenizer` numbers its tokens as it likes. Those without bytes are special: `begin_token`, and others, which get
/// names made up here, as TokenizerData holds none.
std::string export_tokenizer(const TokenizerData& tokenizer, TokenId begin_token);

}  // namespace fz::model
