#include "memory/alphabet.h"

namespace fz::memory {

Alphabet Alphabet::of_bytes(Contents contents) {
  Alphabet alphabet;
  alphabet.contents = contents;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    alphabet.offsets.push_back(byte);
    alphabet.bytes.push_back(static_cast<std::uint8_t>(byte));
  }
  alphabet.offsets.push_back(256);
  return alphabet;
}

Alphabet Alphabet::of_tokens(std::uint32_t count, const std::function<ByteSpan(Symbol)>& bytes_of) {
  Alphabet alphabet;
  for (Symbol symbol = 0; symbol < count; ++symbol) {
    alphabet.offsets.push_back(static_cast<std::uint32_t>(alphabet.bytes.size()));
    const ByteSpan bytes = bytes_of(symbol);
    alphabet.bytes.insert(alphabet.bytes.end(), bytes.begin(), bytes.end());
  }
  alphabet.offsets.push_back(static_cast<std::uint32_t>(alphabet.bytes.size()));
  return alphabet;
}

}  // namespace fz::memory
