// Byte-pair merging of one piece. The tables are immutable and may be shared by threads; each thread brings its own
// Scratch.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/model.h"

namespace fz::model {

class BytePairEncoder {
 public:
  /// Buffers that keep their capacity between calls, so that a piece costs no allocation.
  struct Scratch {
    struct Symbol {
      TokenId token;
      std::uint32_t rank;  // of the merge with the next symbol
      std::uint32_t result;
      std::int32_t previous;
      std::int32_t next;
    };
    struct Candidate {
      std::uint64_t order;  // rank << 32 | position: the heap's key
      TokenId left, right;  // as they were when it was queued; a candidate whose parts have changed is stale
    };
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
  };

  /// `data` has passed validate_tokenizer.
  explicit BytePairEncoder(const TokenizerData& data);

  /// Appends the piece's tokens. The same tokens for the same piece, always.
  void encode(ByteSpan piece, Scratch& scratch, std::vector<TokenId>& tokens) const;

 private:
  struct Merge {
    std::uint32_t rank;
    TokenId result;
  };
  struct Slot {
    std::uint64_t pair;
    Merge merge;
  };
  Merge find(TokenId left, TokenId right) const;
  bool find_whole(ByteSpan piece, TokenId& token) const;
  void encode_short(ByteSpan piece, Scratch& scratch, std::vector<TokenId>& tokens) const;
  void encode_long(ByteSpan piece, Scratch& scratch, std::vector<TokenId>& tokens) const;

  std::array<TokenId, 256> byte_tokens_{};
  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
  int shift_ = 0;
  std::vector<std::pair<std::string, TokenId>> whole_tokens_;  // sorted; only with ignore_merges
};

}  // namespace fz::model
