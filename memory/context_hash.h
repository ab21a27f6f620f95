// Hashes of contexts (docs/numerics.md, sections 10, 15 and 28). Always inline, so that the kernels of every CPU level
// may use them (memory_kernels.inl).
#pragma once

#include <cstdint>

namespace fz::memory {

/// Mixes a value into a hash; 32-bit arithmetic modulo 2^32.
[[gnu::always_inline]] inline std::uint32_t combine(std::uint32_t hash, std::uint32_t value) {
  std::uint32_t x = (hash ^ value) * 0x9E3779B1u;
  x ^= x >> 15;
  x *= 0x85EBCA77u;
  return x ^ x >> 13;
}

/// Adds a letter, whatever its case, or a byte beyond ASCII to the hash of a word. Any other byte adds nothing: false.
[[gnu::always_inline]] inline bool extend_word(std::uint32_t& word, std::uint8_t byte) {
  const bool is_upper = byte >= 'A' && byte <= 'Z';
  if (!is_upper && !(byte >= 'a' && byte <= 'z') && byte < 128) return false;
  word = combine(word + 1, is_upper ? byte + 32u : byte);
  return true;
}

}  // namespace fz::memory
