// What a fuzz target is: valid inputs to begin with, and a use of any bytes, in which an fz::Error is the right answer
// and everything else that ends it (a crash, a sanitizer's word, another exception, no end) a defect. Each target is a
// program of its own: under libFuzzer (./fz fuzz), or with replay_main.cpp as an ordinary test.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace fz::fuzz {

/// Valid inputs, made by the project's own writers.
std::vector<Bytes> seeds();
/// Throws Error, or nothing.
void use(ByteSpan input);

/// Bytes as a file that is in memory only.
class MemoryFile {
 public:
  explicit MemoryFile(ByteSpan bytes) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    FZ_CHECK(descriptor_ >= 0 &&
             ::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// For targets in which the first byte chooses what the rest is.
template <typename Kind>
Bytes with_kind(Kind kind, ByteSpan content) {
  ByteWriter input;
  input.write(static_cast<std::uint8_t>(kind));
  input.write_bytes(content);
  return input.take();
}

/// For one of several uses in one target, each of which may refuse the input.
template <typename Use>
void try_use(const Use& use_input) {
  try {
    use_input();
  } catch (const Error&) {
  }
}

}  // namespace fz::fuzz
