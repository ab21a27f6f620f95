// Text that a fake language model knows, and the seeded numbers that random tests use.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace fz::test {

/// The seed of a random test: FZ_TEST_SEED, or a fixed one; printed, so that a failure can be repeated.
inline std::uint32_t test_seed() {
  const char* const given = std::getenv("FZ_TEST_SEED");
  const std::uint32_t seed =
      given != nullptr ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10)) : 20260101u;
  std::cout << "seed " << seed << " (set FZ_TEST_SEED to change it)\n";
  return seed;
}

/// 200 lines of about 160 characters; the same in every process.
inline const std::string& known_text() {
  static const std::string text = [] {
    std::mt19937 random(7);
    std::string lines;
    for (int line = 0; line < 200; ++line) {
      for (int word = 0; word < 25; ++word) {
        for (unsigned letters = 2 + random() % 8; letters > 0; --letters)
          lines += static_cast<char>('a' + random() % 26);
        lines += word == 24 ? '\n' : ' ';
      }
    }
    return lines;
  }();
  return text;
}

/// Lines of the known text in random order: far smaller for the fake model than for any other codec.
inline std::string make_text(std::uint32_t seed, std::size_t size_bytes) {
  std::mt19937 random(seed);
  const std::string& known = known_text();
  std::string text;
  while (text.size() < size_bytes) {
    const std::size_t begin = known.find('\n', random() % (known.size() / 2)) + 1;
    text += known.substr(begin, known.find('\n', begin) + 1 - begin);
  }
  text.resize(size_bytes);
  return text;
}

/// Bytes that do not compress, with NULs.
inline std::string make_noise(std::uint32_t seed, std::size_t size_bytes) {
  std::mt19937 random(seed);
  std::string noise(size_bytes, '\0');
  for (std::size_t i = 1; i < size_bytes; ++i) noise[i] = static_cast<char>(random());
  return noise;
}

}  // namespace fz::test
