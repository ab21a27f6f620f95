// The range coder and the code tree: every sequence of decisions comes back, close to its ideal size; the probability
// is the one of docs/format.md.
#include "shard/range_coder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "model/backend.h"
#include "shard/code_tree.h"

namespace fz::shard {
namespace {

struct Decision {
  unsigned bit;
  Probability zero;
};

/// Returns the stream's size after checking that it decodes.
std::size_t expect_round_trip(const std::vector<Decision>& decisions) {
  RangeEncoder encoder;
  for (const Decision& decision : decisions) encoder.encode(decision.bit, decision.zero);
  const Bytes stream = encoder.finish();
  RangeDecoder decoder(stream);
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    EXPECT_EQ(decoder.decode(decisions[i].zero), decisions[i].bit) << "decision " << i;
    if (testing::Test::HasFailure()) break;
  }
  return stream.size();
}

TEST(RangeCoder, RandomDecisionsComeBackNearTheirIdealSize) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Decision> decisions;
    double ideal_bits = 0;
    const std::size_t count = round < 100 ? static_cast<std::size_t>(round) : 20000;
    for (std::size_t i = 0; i < count; ++i) {
      const auto zero = static_cast<Probability>(1 + random() % 65535);
      const unsigned bit = random() % 65536 < zero ? 0 : 1;
      decisions.push_back({bit, zero});
      ideal_bits -= std::log2((bit == 0 ? zero : 65536 - zero) / 65536.0);
    }
    EXPECT_LE(static_cast<double>(expect_round_trip(decisions)), ideal_bits / 8 * 1.0005 + 2);
  }
}

TEST(RangeCoder, ExtremeProbabilitiesAndLongCarries) {
  for (const Probability zero :
       {Probability{1}, Probability{2}, Probability{32768}, Probability{65534}, Probability{65535}}) {
    for (const unsigned pattern : {0u, 1u, 2u, 3u}) {
      std::vector<Decision> decisions;
      for (unsigned i = 0; i < 3000; ++i)
        decisions.push_back({pattern < 2 ? pattern : (i % 7 == pattern) ? 1u : 0u, zero});
      expect_round_trip(decisions);
    }
  }
  // Always the upper part keeps the low end at 0xff…, so that one late decision carries through all bytes.
  std::vector<Decision> decisions(5000, {1, 1});
  decisions.push_back({1, 65535});
  decisions.insert(decisions.end(), 50, {1, 65535});
  expect_round_trip(decisions);
}

TEST(RangeCoder, AnEmptyOrCertainStreamTakesNoSpace) {
  EXPECT_EQ(expect_round_trip({}), 0u);
  EXPECT_EQ(expect_round_trip(std::vector<Decision>(1000, {0, 65535})), 0u);
}

TEST(CodeTree, ProbabilityIsTheOneOfTheFormat) {
  EXPECT_EQ(decision_probability(1, 2), 32768);
  EXPECT_EQ(decision_probability(1, std::uint64_t{1} << 40), 1);
  EXPECT_EQ(decision_probability((std::uint64_t{1} << 40) - 1, std::uint64_t{1} << 40), 65535);
  // Values that tell 32 kept bits of the total from 33.
  EXPECT_EQ(decision_probability(543440482733, 879445773174), 40496);
  EXPECT_EQ(decision_probability(49227353355, 745589052310), 4327);
  EXPECT_EQ(decision_probability(425085405984, 829439877526), 33587);
}

TEST(CodeTree, EveryTokenIsALeaf) {
  for (const std::uint32_t vocabulary_size : {257u, 300u, 511u, 512u, 513u, 1000u}) {
    std::mt19937_64 random(vocabulary_size);
    std::vector<float> logits;
    for (std::uint32_t i = 0; i < vocabulary_size; ++i) logits.push_back(static_cast<float>(random() % 100));
    model::FrequencyTable table(vocabulary_size);
    table.fill(model::scalar_kernels(), logits.data());
    const int depth = code_tree_depth(vocabulary_size);
    double total = 0;
    for (std::uint32_t token = 0; token < vocabulary_size; ++token) {
      double probability = 1;
      const model::TokenId leaf = walk_code_tree(table, [&](int level, Probability zero) {
        const unsigned bit = token >> (depth - 1 - level) & 1;
        probability *= (bit == 0 ? zero : 65536 - zero) / 65536.0;
        return bit;
      });
      EXPECT_EQ(leaf, token);
      total += probability;
    }
    EXPECT_NEAR(total, 1.0, 1e-9);
  }
}

}  // namespace
}  // namespace fz::shard
