// Writes a byte-level BPE tokenizer as the tokenizer.json of Hugging Face `tokenizers`, which import_tokenizer and that
// library read. Pure function.
#pragma once

#include <string>

#include "model/model.h"

namespace fz::model {

/// `tokenizer` numbers its tokens as it likes; those without bytes are special, of which there is one, `begin_token`,
/// and it has the text kBeginTokenText. No added tokens.
std::string export_tokenizer(const TokenizerData& tokenizer, TokenId begin_token);

}  // namespace fz::model
