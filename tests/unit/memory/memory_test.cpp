// The whole memory: equal predictions whatever the kernels, threads and order of lanes; lanes that cannot see each
// other's step; predictions that are worth something.
#include "memory/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>

#include "base/hash.h"

namespace fz::memory {
namespace {

std::vector<LaneRange> cut(std::uint32_t symbols, std::uint32_t lanes) {
  std::vector<LaneRange> ranges;
  for (std::uint32_t lane = 0; lane < lanes; ++lane) {
    ranges.push_back({symbols * lane / lanes, symbols * (lane + 1) / lanes});
  }
  return ranges;
}

/// Words of a small vocabulary, lines with fields, repetitions: something for every kind of context.
std::vector<Symbol> sample(std::uint32_t size, std::uint32_t symbols, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Symbol> text;
  while (text.size() < size) {
    if (text.size() > 200 && random() % 20 == 0) {
      const std::size_t from = random() % (text.size() - 100);
      for (std::size_t i = 0; i < 80; ++i) text.push_back(text[from + i]);
    }
    const std::string line = "2026-11-" + std::to_string(random() % 30) +
                             " level=" + (random() % 3 ? "info" : "debug") + " user: u" +
                             std::to_string(random() % 50) + "\n";
    for (const char c : line) text.push_back(static_cast<unsigned char>(c));
    if (symbols > 256) text.push_back(256 + random() % (symbols - 256));
  }
  text.resize(size);
  return text;
}

Alphabet many_tokens(std::uint32_t count) {
  static std::vector<std::string> tokens;
  tokens.clear();
  for (std::uint32_t i = 0; i < count; ++i)
    tokens.push_back(i < 256 ? std::string(1, static_cast<char>(i)) : "t" + std::to_string(i));
  return Alphabet::of_tokens(count, [&](Symbol symbol) { return as_byte_span(tokens[symbol]); });
}

struct Outcome {
  std::vector<Probability> probabilities;  // by symbol and level
  double bits = 0;
};

struct Way {
  Memory::Options options;
  int threads = 0;               // 0: no pool
  std::uint32_t visit_seed = 0;  // order in which lanes predict; 0: ascending
};

Outcome code(const Alphabet& alphabet, const std::vector<Symbol>& text, std::uint32_t lane_count, const Way& way) {
  const std::vector<LaneRange> lanes = cut(static_cast<std::uint32_t>(text.size()), lane_count);
  Memory memory(alphabet, lanes, way.options);
  ThreadPool pool(std::max(1, way.threads));
  const int depth = alphabet.depth();
  Outcome outcome;
  outcome.probabilities.resize(text.size() * static_cast<std::size_t>(depth));
  std::vector<std::size_t> order(lane_count);
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(way.visit_seed);
  for (std::uint32_t step = 0; step < text.size(); ++step) {
    if (way.visit_seed != 0) std::shuffle(order.begin(), order.end(), random);
    const auto predict = [&](std::size_t i, int) {
      const std::size_t lane = order[i];
      if (!memory.is_active(lane)) return;
      const std::size_t index = lanes[lane].begin + step;
      memory.prepare(lane);
      Symbol begin = 0;
      for (int level = 0; level < depth; ++level) {
        const Symbol half = Symbol{1} << (depth - 1 - level);
        if (begin + half >= alphabet.count()) continue;
        const unsigned bit = (text[index] & half) != 0;
        // A model that knows the bit now and then.
        const auto model_zero =
            static_cast<Probability>(index % 3 == 0 ? (bit != 0 ? 3000 : 60000) : 20000 + index % 20000);
        outcome.probabilities[index * static_cast<std::size_t>(depth) + static_cast<std::size_t>(level)] =
            memory.mix(lane, level, model_zero);
        memory.learn(lane, bit);
        begin += bit * half;
      }
    };
    if (way.threads > 0) {
      pool.parallel_for(lane_count, predict);
    } else {
      for (std::size_t i = 0; i < lane_count; ++i) predict(i, 0);
    }
    memory.end_step(way.threads > 0 ? &pool : nullptr);
  }
  EXPECT_TRUE(std::equal(text.begin(), text.end(), memory.symbols().begin()));
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int level = 0; level < depth; ++level) {
      const double zero =
          outcome.probabilities[i * static_cast<std::size_t>(depth) + static_cast<std::size_t>(level)] / 65536.0;
      if (zero == 0) continue;
      outcome.bits -= std::log2((text[i] >> (depth - 1 - level) & 1) != 0 ? 1 - zero : zero);
    }
  }
  return outcome;
}

struct Symbols {
  std::string name;
  Alphabet alphabet;
};

class MemoryEquality : public testing::TestWithParam<Symbols> {};

// Visiting the lanes in other orders, in the updates as well as in the predictions, must change nothing. An update that
// depends on the order of lanes fails here.
TEST_P(MemoryEquality, KernelsThreadsAndOrderOfLanes) {
  const Alphabet& alphabet = GetParam().alphabet;
  const std::vector<Symbol> text = sample(6000, alphabet.count(), 5);
  for (const std::uint32_t lanes : {1u, 4u, 32u}) {
    for (const bool with_model : {false, true}) {
      SCOPED_TRACE(testing::Message() << lanes << " lanes, model " << with_model);
      const Rules& rules = with_model ? kTokenRules3 : kByteRules;
      const Outcome expected = code(alphabet, text, lanes, {{with_model, rules, &kBaselineMemoryKernels, 0}, 0, 0});
      for (const Way& way :
           {Way{{with_model, rules, nullptr, 0}, 0, 0}, Way{{with_model, rules, nullptr, 11}, 0, 22},
            Way{{with_model, rules, nullptr, 33}, 1, 0}, Way{{with_model, rules, nullptr, 44}, 3, 55}}) {
        ASSERT_EQ(code(alphabet, text, lanes, way).probabilities, expected.probabilities)
            << way.threads << " threads, orders " << way.options.shuffle_seed << " and " << way.visit_seed;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Alphabets, MemoryEquality,
                         testing::Values(Symbols{"text", Alphabet::of_bytes()},
                                         Symbols{"binary", Alphabet::of_bytes(Contents::kBinary)},
                                         Symbols{"300_tokens", many_tokens(300)},
                                         Symbols{"1000_tokens", many_tokens(1000)}),
                         [](const auto& info) { return info.param.name; });

TEST(Memory, LearnsFromAllLanes) {
  const Alphabet alphabet = Alphabet::of_bytes();
  const std::vector<Symbol> text = sample(40000, 256, 8);
  const double one = code(alphabet, text, 1, {}).bits;
  const double many = code(alphabet, text, 32, {}).bits;
  EXPECT_LT(one, 40000 * 1.4);
  EXPECT_LT(many, one * 1.35);  // by itself, a lane would see a thirty-second of the text
  Way with_model;
  with_model.options.with_model = true;
  EXPECT_LT(code(alphabet, text, 1, with_model).bits, one);
}

// What lane 1 says in a step must not reach lane 0 in that step.
TEST(Memory, ALaneDoesNotSeeTheStepOfAnother) {
  const Alphabet alphabet = Alphabet::of_bytes();
  std::vector<Symbol> text = sample(2000, 256, 9);
  const Outcome before = code(alphabet, text, 2, {});
  text[1500] ^= 1;  // lane 1, step 500
  const Outcome after = code(alphabet, text, 2, {});
  const auto same_until = [&](std::size_t begin, std::size_t end) {
    return std::equal(before.probabilities.begin() + static_cast<std::ptrdiff_t>(begin * 8),
                      before.probabilities.begin() + static_cast<std::ptrdiff_t>(end * 8),
                      after.probabilities.begin() + static_cast<std::ptrdiff_t>(begin * 8));
  };
  EXPECT_TRUE(same_until(0, 501));
  EXPECT_FALSE(same_until(501, 1000));
}

// The memory's versions, for ever: any other hash is another version and needs new codec numbers.
TEST(Memory, GoldenPredictions) {
  const auto digest = [](const Outcome& outcome) {
    ByteWriter writer;
    for (const Probability probability : outcome.probabilities) writer.write(probability);
    return to_hex(hash_bytes(writer.bytes()), 16);
  };
  Way with_model;
  with_model.options.with_model = true;
  with_model.options.rules = kTokenRules1;
  EXPECT_EQ(digest(code(Alphabet::of_bytes(), sample(30000, 256, 1), 1, {})), "775991fd63c91340");
  EXPECT_EQ(digest(code(Alphabet::of_bytes(), sample(30000, 256, 2), 8, {})), "321bc20c366f20b3");
  const Alphabet binary = Alphabet::of_bytes(Contents::kBinary);
  EXPECT_EQ(digest(code(binary, sample(30000, 256, 1), 1, {})), "7e573781c454466c");
  EXPECT_EQ(digest(code(binary, sample(30000, 256, 2), 8, {})), "9adc992e3612f294");
  EXPECT_EQ(digest(code(many_tokens(1000), sample(30000, 1000, 3), 8, with_model)), "a9e9984b4662ec8a");
  EXPECT_EQ(digest(code(many_tokens(9000), sample(30000, 9000, 4), 16, with_model)), "04c41b518d7a0c6b");
  with_model.options.rules = kTokenRules3;
  EXPECT_EQ(digest(code(many_tokens(1000), sample(30000, 1000, 3), 8, with_model)), "8c6154cd01e269af");
}

// Records of 37 bytes whose fields count, or repeat, at a place of the record: to text contexts they are mostly new.
TEST(Memory, BinaryContextsKnowRecords) {
  std::mt19937 random(12);
  std::vector<Symbol> records;
  for (std::uint32_t i = 0; i < 600; ++i) {
    for (std::uint32_t place = 0; place < 37; ++place)
      records.push_back(place == 0 ? i & 255 : place < 4 ? random() & 255 : (place * 7 + i / 50) & 255);
  }
  const double text = code(Alphabet::of_bytes(), records, 1, {}).bits;
  const double binary = code(Alphabet::of_bytes(Contents::kBinary), records, 1, {}).bits;
  EXPECT_LT(binary, 600 * 3 * 8 * 1.25);  // little beyond the random bytes
  EXPECT_LT(binary, text);
}

TEST(Memory, TablesGrowWithTheBlockUpToALimit) {
  const Alphabet bytes = Alphabet::of_bytes();
  EXPECT_LT(Memory::table_bytes(bytes, 1000), 1u << 20);
  EXPECT_EQ(Memory::table_bytes(bytes, 1'000'000), std::size_t{80} << 20);
  EXPECT_EQ(Memory::table_bytes(bytes, 64 << 20), std::size_t{104} << 20);
}

}  // namespace
}  // namespace fz::memory
