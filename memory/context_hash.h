// Hashes of contexts (docs/numerics.md, section 10).
#pragma once

#include <cstdint>

namespace fz::memory {

/// Mixes a value into a hash; 32-bit arithmetic modulo 2^32. Always inline, so that the kernels of every CPU level may
/// use it (memory_kernels.inl).
[[gnu::always_inline]] inline std::uint32_t combine(std::uint32_t hash, std::uint32_t value) {
  std::uint32_t x = (hash ^ value) * 0x9E3779B1u;
  x ^= x >> 15;
  x *= 0x85EBCA77u;
  return x ^ x >> 13;
}

}  // namespace fz::memory
