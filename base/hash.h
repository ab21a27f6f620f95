// SHA-256, the one hash of the project: of blocks, sections, models and plans. Where a format stores fewer bytes, they
// are the first ones of the SHA-256, so that `sha256sum` can check anything.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"

namespace fz {

using Hash = std::array<std::uint8_t, 32>;

/// Incremental SHA-256. One thread at a time.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  void update(ByteSpan bytes);
  Hash finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Hash hash_bytes(ByteSpan bytes);

/// The first `digits` hexadecimal digits, lower case.
std::string to_hex(ByteSpan bytes, std::size_t digits = 64);

}  // namespace fz
