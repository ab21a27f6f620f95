// The memory's parts against their definitions (docs/numerics.md, sections 12 to 19), and against the order of lanes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "memory/adaptive_map.h"
#include "memory/bit_history.h"
#include "memory/candidate_table.h"
#include "memory/history_table.h"
#include "memory/logistic.h"
#include "memory/match_finder.h"
#include "memory/mixer.h"
#include "memory/record_vote.h"
#include "memory/rules.h"

namespace fz::memory {
namespace {

TEST(Logistic, SquashIsTheRoundedFunctionAndStretchItsInverse) {
  for (int logit = -kMaxLogit; logit <= kMaxLogit; ++logit) {
    const double exact = 65536 / (1 + std::exp(-logit / 256.0));
    EXPECT_NEAR(kLogistic.squash[logit + kMaxLogit], std::clamp(exact, 1.0, 65535.0), 0.501) << logit;
  }
  for (int probability = 1; probability < 65536; ++probability) {
    EXPECT_EQ(kLogistic.stretch[probability], -kLogistic.stretch[65536 - probability]);
    EXPECT_NEAR(kLogistic.squash[kLogistic.stretch[probability] + kMaxLogit], probability,
                1 + probability * (65536.0 - probability) / 65536 / 256);
  }
  // The samples of the text.
  EXPECT_EQ(kLogistic.squash[kMaxLogit - 256], 17625);
  EXPECT_EQ(kLogistic.squash[kMaxLogit + 192], 44511);
  EXPECT_EQ(kLogistic.stretch[1], -2736);
  EXPECT_EQ(kLogistic.stretch[49152], 282);
}

TEST(BitHistory, FollowsTheText) {
  EXPECT_EQ(kBitHistories.count, 161);
  const std::uint8_t* const next = &kBitHistories.next[0][0];
  EXPECT_EQ(std::vector<std::uint8_t>(next, next + 8), (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  for (int history = 0; history < kBitHistories.count; ++history) {
    for (int bit = 0; bit < 2; ++bit) {
      EXPECT_GT(kBitHistories.next[history][bit], 0);
      EXPECT_LT(kBitHistories.next[history][bit], kBitHistories.count);
    }
  }
  BitHistory zeros = 0;
  for (int i = 0; i < 100; ++i) zeros = kBitHistories.next[zeros][0];
  EXPECT_EQ(kBitHistories.bits_seen[zeros], 40);
  EXPECT_LT(kBitHistories.first_probability[zeros], 65536 / 80);
}

TEST(WeightDivision, IsDivision) {
  std::mt19937 random(9);
  for (std::uint32_t weight = 1; weight < 700; ++weight) {
    const std::uint32_t most = 65536 * weight + weight / 2;
    for (int i = 0; i < 200; ++i) {
      const std::uint32_t quotient = static_cast<std::uint32_t>(random() % 65537);
      for (const std::uint32_t sum : {quotient * weight, quotient * weight + weight - 1,
                                      static_cast<std::uint32_t>(random() % (most + 1)), most}) {
        if (sum > most) continue;
        ASSERT_EQ(kWeightDivision.divide(sum, weight), sum / weight) << sum << " / " << weight;
      }
    }
  }
}

TEST(AdaptiveMap, TheOrderOfAStepsBitsDoesNotMatter) {
  std::mt19937 random(1);
  AdaptiveMap forwards(16, 255, 300);
  AdaptiveMap shuffled(16, 255, 300);
  for (int step = 0; step < 200; ++step) {
    std::vector<std::pair<std::uint32_t, unsigned>> bits(1 + random() % 300);
    for (auto& [index, bit] : bits) {
      index = random() % 16;
      bit = random() % 16 < index;
    }
    const auto bit_at = [&](int i) {
      const auto& [index, bit] = bits[static_cast<std::size_t>(i)];
      return AdaptiveMap::Bit{index, bit};
    };
    forwards.count(static_cast<int>(bits.size()), bit_at);
    std::shuffle(bits.begin(), bits.end(), random);
    shuffled.count(static_cast<int>(bits.size()), bit_at);
    forwards.apply();
    shuffled.apply();
    for (std::size_t i = 0; i < 16; ++i) ASSERT_EQ(forwards.probability(i), shuffled.probability(i));
  }
  for (std::size_t i = 0; i < 16; ++i) EXPECT_NEAR(forwards.probability(i), static_cast<double>(i) * 4096, 6000);
}

TEST(Mixer, TheOrderOfAStepsChangesDoesNotMatterEvenAtTheLimit) {
  std::mt19937 random(2);
  MixerLayer forwards(choose_memory_kernels().first, kMaxInputs, 4);
  MixerLayer shuffled(kBaselineMemoryKernels.first, kMaxInputs, 4);
  for (int i = 0; i < kMaxInputs; ++i) {
    forwards.set_weights(i, kWeightOne / 4);
    shuffled.set_weights(i, kWeightOne / 4);
  }
  const auto train = [](MixerLayer& layer, const auto& changes) {
    for (const auto& change : changes) {
      const WeightChange one = {layer.weights(change.set), change.inputs.data(), change.gradient};
      layer.train({&one, 1});
    }
    layer.settle();
  };
  const auto mix = [](const MixerLayer& layer, const MixerKernels& kernels, const auto& probe) {
    const std::int32_t* const weights = layer.weights(probe.set);
    std::int16_t logit = 0;
    kernels.mix(&weights, 1, probe.inputs.data(), kMaxLogit, &logit);
    return logit;
  };
  struct Change {
    std::uint32_t set;
    alignas(32) std::array<std::int16_t, kMaxInputs> inputs;
    std::int32_t gradient;
  };
  bool limited = false;
  for (int step = 0; step < 60; ++step) {
    std::vector<Change> changes(200);
    for (Change& change : changes) {
      change.set = random() % 4;
      change.inputs = {};
      for (int i = 0; i < 20; ++i) change.inputs[i] = static_cast<std::int16_t>(random() % 6143) - 3071;
      change.inputs[0] = 3071;  // pushes one weight to its limit and beyond within a step
      change.gradient = static_cast<std::int32_t>(random() % 40000) - (step % 20 < 10 ? 10000 : 30000);
    }
    train(forwards, changes);
    std::shuffle(changes.begin(), changes.end(), random);
    train(shuffled, changes);
    for (const Change& probe : changes) {
      const int logit = mix(forwards, choose_memory_kernels().first, probe);
      ASSERT_EQ(logit, mix(shuffled, kBaselineMemoryKernels.first, probe));
      limited = limited || std::abs(logit) == kMaxLogit;
    }
  }
  EXPECT_TRUE(limited);
}

/// Section 16 word by word: in every bucket and node the lowest lane is looked for.
TEST(HistoryTable, TheLowestLaneHasAContestedBucketAndNode) {
  std::mt19937 random(3);
  constexpr int kBits = 4;  // 16 buckets: everything is contested
  HistoryTable table(kBits);
  struct Write {
    std::uint32_t hash;
    HistoryTable::Place place;
    std::uint8_t node;
    BitHistory value;
  };
  std::map<std::pair<std::uint32_t, int>, BitHistory> defined;  // (bucket, node)
  std::map<std::uint32_t, std::uint8_t> checks;
  int lost = 0;
  for (int step = 0; step < 500; ++step) {
    std::vector<Write> lanes(12);
    for (Write& lane : lanes) {
      lane.hash = static_cast<std::uint32_t>(random() % 16) << 28 | random() % 4;
      lane.place = table.find(lane.hash);
      lane.node = static_cast<std::uint8_t>(random() % 15);
      lane.value = static_cast<BitHistory>(1 + random() % 160);
    }
    std::map<std::uint32_t, std::uint8_t> new_checks = checks;
    auto new_defined = defined;
    for (std::uint32_t bucket = 0; bucket < 16; ++bucket) {
      const auto owner =
          std::find_if(lanes.begin(), lanes.end(), [&](const Write& lane) { return lane.place.bucket == bucket; });
      if (owner == lanes.end()) continue;
      new_checks[bucket] = owner->place.check;
      for (int node = 0; node < 15; ++node) {
        if (!owner->place.is_there) new_defined[{bucket, node}] = 0;
        const auto writer = std::find_if(lanes.begin(), lanes.end(), [&](const Write& lane) {
          return lane.place.bucket == bucket && lane.place.check == owner->place.check && lane.node == node;
        });
        if (writer != lanes.end()) new_defined[{bucket, node}] = writer->value;
      }
    }
    for (auto lane = lanes.rbegin(); lane != lanes.rend(); ++lane) table.claim(lane->place);
    std::vector<Write> any_order = lanes;
    std::shuffle(any_order.begin(), any_order.end(), random);
    for (const Write& lane : any_order) table.open(lane.place);
    for (auto lane = lanes.rbegin(); lane != lanes.rend(); ++lane) {
      lost += !table.has(lane->place);
      if (table.has(lane->place)) table.nodes_to_write(lane->place)[lane->node] = lane->value;
    }
    defined = std::move(new_defined);
    checks = std::move(new_checks);
    for (const auto& [bucket, check] : checks) {
      for (std::uint8_t node = 0; node < 15; ++node) {
        ASSERT_EQ(table.nodes({bucket, check, true})[node], (defined[{bucket, node}]));
      }
    }
  }
  EXPECT_GT(lost, 100);
}

TEST(Candidates, SeeAsTheTextSays) {
  Candidates candidates;
  const auto expect = [&](Symbol first, std::uint32_t first_count, Symbol second, std::uint32_t second_count) {
    EXPECT_EQ(candidates.first, first);
    EXPECT_EQ(candidates.first_count, first_count);
    EXPECT_EQ(candidates.second_count, second_count);
    if (second_count > 0) {
      EXPECT_EQ(candidates.second, second);
    }
  };
  candidates.see(7);
  expect(7, 1, 0, 0);
  for (int i = 0; i < 40; ++i) candidates.see(7);
  expect(7, 31, 0, 0);
  candidates.see(9);
  expect(9, 1, 7, 4);
  candidates.see(7);
  expect(7, 4, 9, 1);
  candidates.see(8);
  expect(8, 1, 7, 4);

  CandidateTable table(10);
  table.set(0xABCD1234, {(1 << 18) - 1, 5, 31, 4});
  const Candidates found = table.find(0xABCD1234);
  EXPECT_EQ(found.first, (1u << 18) - 1);
  EXPECT_EQ(found.second, 5u);
  EXPECT_EQ(found.first_count, 31u);
  EXPECT_EQ(found.second_count, 4u);
  EXPECT_EQ(table.find(0xABCD1235).first_count, 0u);  // the same entry, another check
}

// Rows of 20 with much noise, then of 33: the guess holds through the noise and follows the change.
TEST(RecordVote, FindsTheLengthInNoiseAndFollowsAChange) {
  std::mt19937 random(3);
  RecordVote vote;
  std::uint32_t last_four = 0;
  std::uint32_t position = 0;
  std::uint32_t length = 0;
  EXPECT_EQ(vote.see(0x01020304, 1), 0u);  // no distance of 1
  const auto rows = [&](std::uint32_t width, int count) {
    std::vector<std::uint8_t> row(width);
    for (std::uint8_t& byte : row) byte = static_cast<std::uint8_t>(random());
    for (int i = 0; i < count; ++i) {
      for (std::uint32_t place = 0; place < width; ++place) {
        last_four = last_four << 8 | (place % 5 == 0 ? random() & 255 : row[place]);
        length = vote.see(last_four, ++position);
      }
    }
  };
  rows(20, 400);
  EXPECT_EQ(length, 20u);
  rows(33, 20);
  EXPECT_EQ(length, 20u);
  rows(33, 2000);
  EXPECT_EQ(length, 33u);
}

// Two lanes say the same; the second must not see what the first says in the same step.
TEST(MatchFinder, SeesOnlyWhatIsKnown) {
  const Alphabet alphabet = Alphabet::of_bytes();
  const std::vector<LaneRange> lanes = {{0, 50}, {50, 100}};
  std::vector<Symbol> truth(100);
  for (std::uint32_t i = 0; i < 50; ++i) truth[i] = truth[50 + i] = i % 7 == 0 ? 'x' : 'a' + i % 3;
  std::vector<Symbol> symbols(100, 0xFFFF);  // never right
  MatchFinder finder(lanes, symbols, 4, 12);
  std::vector<LaneText> texts = {LaneText(alphabet, symbols, 0), LaneText(alphabet, symbols, 50)};
  std::vector<Match> matches(2);
  int followed = 0;
  for (std::uint32_t step = 0; step < 50; ++step) {
    for (std::size_t lane = 0; lane < 2; ++lane) {
      finder.update(matches[lane], texts[lane], step);
      if (matches[lane].position == Match::kNone) continue;
      const std::uint32_t position = matches[lane].position;
      EXPECT_LT(position - (position < 50 ? 0 : 50), step);
      EXPECT_NE(finder.predicted(matches[lane]), 0xFFFFu);
      EXPECT_GE(matches[lane].length, 4u);
      for (std::uint32_t back = 1; back <= std::min(matches[lane].length, 8u); ++back) {
        EXPECT_EQ(symbols[position - back], texts[lane].last(back));
      }
      ++followed;
    }
    for (std::size_t lane = 0; lane < 2; ++lane) symbols[50 * lane + step] = truth[50 * lane + step];
    for (std::size_t lane = 2; lane-- > 0;) {
      finder.follow(matches[lane], truth[50 * lane + step]);
      finder.insert(matches[lane], texts[lane]);
      finder.roll(matches[lane], texts[lane], truth[50 * lane + step]);
    }
    for (LaneText& text : texts) text.advance();
  }
  EXPECT_GT(followed, 10);
}

}  // namespace
}  // namespace fz::memory
