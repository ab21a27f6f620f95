// Byte-level BPE: bytes to tokens and back, total and reversible for every byte string. Immutable after construction,
// apart from per-thread scratch: use one Tokenizer from one thread at a time, or copy it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "model/model.h"

namespace fz::model {

class Tokenizer {
 public:
  /// Throws Error(kCorrupt), naming `source`, when the data is inconsistent: a byte without a token, ids out of range,
  /// a merge whose result is not the concatenation of its parts, a pattern that does not compile.
  Tokenizer(const TokenizerData& data, const std::string& source);
  ~Tokenizer();
  /// A copy shares the tables; it is cheap and may be used by another thread.
  Tokenizer(const Tokenizer& other);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  /// The tokens of any bytes. decode(encode(x)) == x for every x; special tokens are never produced.
  std::vector<TokenId> encode(ByteSpan text) const;

  /// The bytes of one token; empty for special tokens.
  ByteSpan token_bytes(TokenId token) const;

  std::uint32_t vocabulary_size() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fz::model
