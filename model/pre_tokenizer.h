// Cuts text into the pieces inside which byte pairs are merged (docs/model-format.md, "From bytes to tokens", step 2).
// Total: the pieces, in order, are the text. The compiled patterns are immutable and shared; a PreTokenizer holds its
// own match buffers and belongs to one thread at a time. Copies share the patterns.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace fz::model {

class PreTokenizer {
 public:
  /// A match is looked for in this many bytes only, so a piece has at most as many.
  static constexpr std::size_t kWindowBytes = 4096;

  /// Throws Error(kCorrupt), naming `source`, when a pattern does not compile.
  PreTokenizer(const std::vector<std::string>& patterns, const std::string& source);
  PreTokenizer(const PreTokenizer& other);
  PreTokenizer& operator=(const PreTokenizer& other);
  ~PreTokenizer();

  /// Appends the offset of the end of each piece of `text`, increasing, the last one being text.size().
  void cut(ByteSpan text, std::vector<std::size_t>& piece_ends) const;

 private:
  struct Pattern;
  struct MatchBuffers;
  void cut_valid(ByteSpan run, std::size_t run_offset, std::size_t level, std::vector<std::size_t>& piece_ends) const;

  std::vector<std::shared_ptr<const Pattern>> patterns_;
  std::unique_ptr<MatchBuffers> buffers_;
};

/// Bytes of the longest prefix that is valid UTF-8 (no surrogates, no overlong forms).
std::size_t valid_utf8_prefix(ByteSpan text);

}  // namespace fz::model
