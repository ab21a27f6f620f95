// The quick memory: equal predictions whatever the kernels and the calls, pinned to the bit; predictions that are worth
// something.
#include "memory/quick_memory.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/hash.h"
#include "support/small_corpus.h"

namespace fz::memory {
namespace {

using Probabilities = std::vector<std::uint16_t>;

/// Text with lines, words and repetitions from far back, then noise, then one byte for long.
std::string sample() {
  const std::string text = test::make_text(7, 40'000);
  return text + test::make_noise(8, 3'000) + std::string(5'000, 'z') + text.substr(1'000, 9'000);
}

/// Of a zero, for every bit of the text.
Probabilities predict(const std::string& text, const MemoryKernels& kernels, std::uint32_t bytes_of_call) {
  Probabilities probabilities;
  auto decide = [&](std::uint16_t zero) {
    const std::size_t bit = probabilities.size();
    probabilities.push_back(zero);
    return static_cast<unsigned char>(text[bit / 8]) >> (7 - bit % 8) & 1u;
  };
  const auto size = static_cast<std::uint32_t>(text.size());
  std::vector<std::uint8_t> bytes(size);
  QuickMemory memory(size, &kernels);
  for (std::uint32_t end = 0; end < size;) {
    end = std::min(size, end + bytes_of_call);
    memory.code(bytes.data(), end, decide);
  }
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), text);
  return probabilities;
}

TEST(QuickMemory, EqualWhateverTheKernels) {
  if (&choose_memory_kernels() == &kBaselineMemoryKernels) GTEST_SKIP() << "this CPU has no AVX2";
  const std::string text = sample();
  EXPECT_EQ(predict(text, choose_memory_kernels(), 100'000), predict(text, kBaselineMemoryKernels, 100'000));
}

TEST(QuickMemory, EqualWhateverTheCalls) {
  const std::string text = sample();
  const Probabilities at_once = predict(text, choose_memory_kernels(), 100'000);
  for (const std::uint32_t bytes_of_call : {1u, 1000u}) {
    EXPECT_EQ(predict(text, choose_memory_kernels(), bytes_of_call), at_once) << bytes_of_call;
  }
}

TEST(QuickMemory, WhatIsKnownIsExpected) {
  const std::string text = sample();
  const Probabilities zeros = predict(text, choose_memory_kernels(), 100'000);
  const auto bits_in = [&](std::size_t begin, std::size_t end) {
    double bits = 0;
    for (std::size_t i = begin * 8; i < end * 8; ++i) {
      const bool one = (static_cast<unsigned char>(text[i / 8]) >> (7 - i % 8) & 1) != 0;
      bits -= std::log2((one ? 65536 - zeros[i] : zeros[i]) / 65536.0);
    }
    return bits / static_cast<double>(end - begin);
  };
  EXPECT_LT(bits_in(20'000, 40'000), 2.5);
  EXPECT_LT(bits_in(40'000, 43'000), 8.5);   // noise costs hardly more than noise
  EXPECT_LT(bits_in(44'000, 48'000), 0.01);  // one byte for long
  EXPECT_LT(bits_in(49'000, 57'000), 0.2);   // a repetition
}

// Part IV of docs/numerics.md, version 1, for ever.
TEST(QuickMemory, TheNumericsArePinned) {
  const Probabilities zeros = predict(sample(), choose_memory_kernels(), 100'000);
  ByteWriter writer;
  for (const std::uint16_t zero : zeros) writer.write(zero);
  EXPECT_EQ(to_hex(hash_bytes(writer.bytes()), 16), "cdc1da7e1533a7ca");
}

}  // namespace
}  // namespace fz::memory
