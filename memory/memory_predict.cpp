// Reading the memory: a lane's contexts, the inputs of each decision, the mix. Everything here is const but the lane's
// own record.
#include <algorithm>
#include <cstdlib>

#include "memory/memory_state.h"

namespace fz::memory {
namespace {

constexpr std::int16_t kBias = 256;

/// 0 to 63, finer for short lengths.
std::uint32_t length_class(std::uint32_t length) {
  if (length < 16) return length;
  if (length < 80) return 16 + (length - 16) / 4;
  return std::min(63u, 32 + (length - 80) / 16);
}

/// How long the longest match that fits is: 0 none, 1 to 5.
std::uint32_t match_state(int length_class) {
  return length_class < 0    ? 0
         : length_class < 8  ? 1
         : length_class < 15 ? 2
         : length_class < 24 ? 3
         : length_class < 40 ? 4
                             : 5;
}

/// The input of a map's entry that expects `bit`; notes what was said, to learn from it.
std::int16_t expect(const LogitMap& map, Expectations& expectations, std::uint32_t entry, int decision,
                    std::uint32_t bit) {
  expectations.add(entry, decision, bit);
  const std::int16_t logit = map.logits()[entry];
  return bit != 0 ? logit : static_cast<std::int16_t>(-logit);
}

/// Bits of the symbol so far behind a one, so that 0 and 00 differ.
std::uint32_t path_of(const LaneRecord& lane) {
  return std::uint32_t{1} << lane.level | lane.prefix;
}

}  // namespace

void Memory::State::prefetch_histories(const LaneRecord& lane, std::uint32_t path) const {
  for (int i = 0; i < kHistoryContexts; ++i) history_tables[i].prefetch(combine(lane.hashes.history[i], path));
}

void Memory::State::hash_contexts(LaneRecord& lane) const {
  const LaneText& text = lane.text;
  if (lane.hashed_position == text.position()) return;
  lane.hashed_position = text.position();
  plan.hash(text, lane.hashes);
  SymbolSelectors& selectors = lane.selectors;
  selectors.last_symbol = text.last(1) >> std::max(0, depth - 8) & 255;
  selectors.last_hash = combine(text.last(1), 77);
  selectors.line_hash = combine(text.field(), text.first_of_line());
  // Where lines are very long or none, records tell more than fields.
  selectors.has_record = text.column() >= plan.records_from_column;
  selectors.record_set = selectors.has_record ? (text.record(1, 0) & 255) * 8 : 0;

  prefetch_histories(lane, 1);
  for (int i = 0; i < candidates; ++i) candidate_tables[i].prefetch(lane.hashes.candidate[i]);
  for (int i = 0; i < matches; ++i) match_finders[i].prefetch(lane.matches[i]);
  for (int level = 0; level < depth; ++level) {
    layers[3].prefetch(selectors.symbol_set(level));
    layers[4].prefetch(selectors.line_set(level));
  }
}

void Memory::State::prepare(LaneRecord& lane) const {
  hash_contexts(lane);
  lane.decision_count = 0;
  lane.level = 0;
  lane.groups_open = 0;
  lane.prefix = 0;
  for (Expectations& expectations : lane.candidate_expectations) expectations.count = 0;
  for (Expectations& expectations : lane.match_expectations) expectations.count = 0;
}

/// The lane stands at the group's first level. The first group also finds candidates and matches.
void Memory::State::open_group(LaneRecord& lane, int group) const {
  std::array<std::uint32_t, kHistoryContexts> hashes;
  const std::uint32_t path = path_of(lane);
  for (int i = 0; i < kHistoryContexts; ++i) {
    hashes[i] = combine(lane.hashes.history[i], path);
    history_tables[i].prefetch(hashes[i]);  // it may be elsewhere than was guessed
  }
  for (int i = 0; i < kHistoryContexts; ++i) {
    HistoryTable::Place& place = lane.places[group][i];
    place = has(Part::kHistory, i) ? history_tables[i].find(hashes[i]) : HistoryTable::Place{};
    lane.open_nodes[i] = history_tables[i].nodes(place);
  }
  lane.groups_open = group + 1;
  if (group == 0) find_expected(lane);
}

/// What candidates and matches expect of the symbol.
void Memory::State::find_expected(LaneRecord& lane) const {
  for (int i = 0; i < candidates; ++i) {
    const Candidates& seen = lane.candidates[i] = candidate_tables[i].find(lane.hashes.candidate[i]);
    ExpectedCandidates& expected = lane.expected_candidates[i];
    const bool is_used = has(Part::kCandidate, i);
    expected.first = is_used && seen.first_count > 0 ? seen.first : kNoSymbol;
    expected.second = is_used && seen.second_count > 0 ? seen.second : kNoSymbol;
    expected.entry = (std::min(seen.first_count, 15u) * 8 + seen.second_count) * 16;
  }
  for (int i = 0; i < matches; ++i) {
    Match& match = lane.matches[i];
    match_finders[i].update(match, lane.text, step);
    const bool is_used = has(Part::kMatch, i) && match.position != Match::kNone;
    lane.expected_matches[i] = {is_used ? match_finders[i].predicted(match) : kNoSymbol, length_class(match.length)};
  }
}

/// Opens the groups up to this one. Levels without a decision may lie between a group's beginning and the lane's level.
void Memory::State::open_groups(LaneRecord& lane, int group) const {
  const int level = lane.level;
  const Symbol prefix = lane.prefix;
  while (lane.groups_open <= group) {
    const int next = lane.groups_open;
    lane.level = group_begin[next];
    lane.prefix = prefix >> (level - lane.level);
    open_group(lane, next);
  }
  lane.level = level;
  lane.prefix = prefix;
}

void Memory::State::fill_inputs(LaneRecord& lane, Decision& decision, Probability model_zero) const {
  const int now = lane.decision_count;
  auto& inputs = decision.inputs;
  const int below = depth - lane.level;  // bits of the symbol not known yet
  const std::uint32_t path = path_of(lane);
  decision.refinement_entries[1] = combine(lane.selectors.last_hash, path) & 4095;
  refinements[1].prefetch(decision.refinement_entries[1] * kKnots, kKnots);
  const std::size_t node = lane.nodes[now];
  auto& histories = lane.histories[now];
  int histories_known = 0;
  for (int i = 0; i < kHistoryContexts; ++i) {
    const BitHistory history = lane.open_nodes[i][node];
    histories[i] = history;
    inputs[i] = history_logits[i][history];
    histories_known += history != 0;
  }

  // Entries of a candidate map: which of the two is left, how often each was seen, whether they agree, how deep.
  const std::uint32_t depth_class = lane.level == 0 ? 0 : lane.level < 4 ? 1 : lane.level < 9 ? 2 : 3;
  int candidates_known = 0;
  for (int i = 0; i < candidates; ++i) {
    const ExpectedCandidates& expected = lane.expected_candidates[i];
    const bool first_fits = expected.first >> below == lane.prefix;
    const bool second_fits = expected.second >> below == lane.prefix;
    inputs[candidate_input + i] = 0;
    if (!first_fits && !second_fits) continue;
    ++candidates_known;
    const std::uint32_t bit = (first_fits ? expected.first : expected.second) >> (below - 1) & 1;
    const std::uint32_t other = !first_fits || !second_fits ? 0 : (expected.second >> (below - 1) & 1) == bit ? 1 : 2;
    const std::uint32_t entry = (first_fits ? 0 : 128 * 16) + expected.entry + other * 4 + depth_class;
    inputs[candidate_input + i] = expect(candidate_maps[i], lane.candidate_expectations[i], entry, now, bit);
  }

  int best_length = -1;  // class of the first match that fits
  std::uint32_t best_bit = 0;
  for (int i = 0; i < matches; ++i) {
    const ExpectedMatch& expected = lane.expected_matches[i];
    inputs[match_input + i] = 0;
    if (expected.symbol >> below != lane.prefix) continue;
    const std::uint32_t bit = expected.symbol >> (below - 1) & 1;
    const std::uint32_t entry = expected.length * kMaxDepth + static_cast<std::uint32_t>(lane.level);
    inputs[match_input + i] = expect(match_maps[i], lane.match_expectations[i], entry, now, bit);
    if (best_length < 0) {
      best_length = static_cast<int>(expected.length);
      best_bit = bit;
    }
  }

  const int model = with_model ? kLogistic.stretch[65536 - model_zero] : 0;
  inputs[model_input] = static_cast<std::int16_t>(model);
  inputs[bias_input] = kBias;

  // What chooses the weights.
  const SymbolSelectors& selectors = lane.selectors;
  const auto level = static_cast<std::uint32_t>(lane.level);
  const std::uint32_t confidence = static_cast<std::uint32_t>(std::min(7, std::abs(model) / 192));
  const auto known =
      static_cast<std::uint32_t>(std::min(histories_known, 15) * 4 + std::min(3, (candidates_known + 1) / 2));
  decision.sets[0] = level * 64 + match_state(best_length) * 8 + confidence;
  decision.sets[1] = level * 64 + known;
  decision.sets[2] = level < 7 ? 128 + path : 256 + (level * 128 + (lane.prefix >> (level - 7) & 127)) % 1792;
  decision.sets[3] = selectors.symbol_set(level);
  decision.sets[4] = selectors.line_set(level);
  decision.final_set = level * 8 + (rules.final_by_confidence ? confidence : 0);
  const std::uint32_t length = best_length < 0 ? 0 : best_length < 15 ? 1 : best_length < 32 ? 2 : 3;
  decision.refinement_entries[0] = level * 8 + length * 2 + best_bit;
}

/// Each map knows what really came where the mixer said `logit`. Leaves the entries to learn from in the decision.
template <bool kWhole>
int Memory::State::refine(Decision& decision, int logit) const {
  const int mixed = kLogistic.squash[logit + kMaxLogit];
  const int place = std::clamp(logit + kKnots / 2 * kKnotDistance, 0, (kKnots - 1) * kKnotDistance - 1);
  const int knot = place / kKnotDistance;
  const int offset = place % kKnotDistance;
  int refined = mixed;
  for (int i = 0; i < kRefinements; ++i) {
    if (!has<kWhole>(Part::kRefinement, i)) continue;
    const std::uint32_t first = decision.refinement_entries[i] * kKnots + static_cast<std::uint32_t>(knot);
    const int left = refinements[i].probability(first);
    const int right = refinements[i].probability(first + 1);
    refined += ((left * (kKnotDistance - offset) + right * offset) / kKnotDistance - mixed) >> rules.refinement_shift;
    decision.refinement_entries[i] = first + (offset >= kKnotDistance / 2 ? 1 : 0);
  }
  return refined;
}

template <bool kWhole>
Probability Memory::State::mix(LaneRecord& lane, Probability model_zero) const {
  Decision& decision = lane.decisions[lane.decision_count];
  fill_inputs(lane, decision, model_zero);
  std::array<const std::int32_t*, kMaxMixers> weights;
  for (int i = 0; i < mixers; ++i) weights[i] = layers[i].weights(decision.sets[i]);
  kernels.first.mix(weights.data(), mixers, decision.inputs.data(), kMaxLogit, decision.outputs.data());
  for (int i = 0; i < mixers; ++i) {
    if (!has<kWhole>(Part::kMixer, i)) decision.outputs[i] = 0;
  }
  const std::int32_t* const final_weights = final_layer.weights(decision.final_set);
  kernels.final.mix(&final_weights, 1, decision.outputs.data(), kMaxLogit, &decision.final_logit);
  const int one = std::clamp(refine<kWhole>(decision, decision.final_logit), 1, 65535);
  if (group_of_level[lane.level + 1] != group_of_level[lane.level]) {
    prefetch_histories(lane, path_of(lane) * 2 + (one >= 32768));  // where the next group probably is
  }
  return static_cast<Probability>(65536 - one);
}

Probability Memory::State::mix(LaneRecord& lane, int level, Probability model_zero) const {
  lane.prefix <<= level - lane.level;  // levels without a decision are zeros
  lane.level = level;
  const int group = group_of_level[level];
  if (lane.groups_open <= group) open_groups(lane, group);
  const std::uint32_t first_node = (std::uint32_t{1} << (level - group_begin[group])) - 1;
  lane.groups[lane.decision_count] = static_cast<std::uint8_t>(group);
  lane.nodes[lane.decision_count] = static_cast<std::uint8_t>(first_node + (lane.prefix & first_node));
  return left_out == 0 ? mix<true>(lane, model_zero) : mix<false>(lane, model_zero);
}

void Memory::State::learn(LaneRecord& lane, unsigned bit) const {
  Decision& decision = lane.decisions[lane.decision_count];
  lane.bits[lane.decision_count] = static_cast<std::uint8_t>(bit);
  const bool by_set = rules.pace.age == Age::kOfSet;
  for (int i = 0; i < mixers; ++i) {
    const std::uint32_t rate = by_set ? rate_at(rules.rate, layers[i].uses(decision.sets[i])) : block_rate;
    decision.gradients[i] = gradient(bit, decision.outputs[i], rate);
  }
  const std::uint32_t final_rate =
      by_set ? rate_at(rules.final_rate, final_layer.uses(decision.final_set)) : final_block_rate;
  decision.final_gradient = gradient(bit, decision.final_logit, final_rate);
  ++lane.decision_count;
  lane.prefix = lane.prefix << 1 | bit;
  ++lane.level;
}

}  // namespace fz::memory
