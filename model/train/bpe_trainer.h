// Trains a byte-level byte-pair encoding (Sennrich et al. 2016, over bytes as in GPT-2): beginning with single bytes,
// the most frequent pair of neighbouring tokens becomes a token, again and again. A pure function of its arguments.
//
// Of equally frequent pairs that with the smaller left token comes first, then that with the smaller right one; tokens
// are numbered: the begin token 0, the 256 bytes in the order of their characters in the byte-level alphabet
// (model/byte_level.h), then as they are made. So `tokenizers` of Hugging Face makes the same of the same pieces.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "model/model.h"
#include "model/train/piece_counts.h"

namespace fz::model {

/// Begin token and single bytes.
inline constexpr std::uint32_t kSmallestTrainedVocabulary = 257;

struct BpeTraining {
  TokenizerData tokenizer;        ///< Without patterns.
  std::uint64_t text_bytes = 0;   ///< Of all pieces, as often as they count.
  std::uint64_t text_tokens = 0;  ///< What they are coded as by this tokenizer.
};

/// Fewer tokens than `vocabulary_size` come of it when no pair occurs twice any more. No token is longer than
/// kMaxTokenBytes or reads kBeginTokenText. `pause` is called now and then with the tokens made so far; it may throw.
BpeTraining train_bpe(const std::vector<CountedPiece>& pieces, std::uint32_t vocabulary_size,
                      const std::function<void(std::uint32_t)>& pause = {});

}  // namespace fz::model
