// What the block codec needs of a language model: text to payload and back. The real one wraps LanguageModelCodec (put
// together in cli/); tests have a fake. One block at a time, one caller at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "shard/archive_format.h"

namespace fz::shard {

class TextCodec {
 public:
  virtual ~TextCodec() = default;
  virtual Bytes encode(ByteSpan raw, TokenCoder coder) = 0;
  /// Throws Error(kCorrupt); may also return wrong bytes, which the block's hash finds.
  virtual Bytes decode(ByteSpan payload, std::uint32_t raw_bytes, TokenCoder coder, const std::string& source) = 0;
  virtual ModelIdentity identity() const = 0;
};

/// Makes the codec when the first block needs it: an archive without model blocks loads no model.
using TextCodecFactory = std::function<std::unique_ptr<TextCodec>()>;

}  // namespace fz::shard
