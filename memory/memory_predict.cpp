// Reading the memory: a lane's contexts, the inputs of each decision, the mix. Everything here is const but the lane's
// own record.
#include <algorithm>
#include <cstdlib>

#include "memory/memory_state.h"

namespace fz::memory {
namespace {

constexpr std::int16_t kBias = 256;

/// Entries of a candidate map: which of the two is left, how often each was seen, whether they agree, how deep.
std::uint32_t candidate_entry(const Candidates& candidates, bool second, std::uint32_t other, int level) {
  const std::uint32_t depth = level == 0 ? 0 : level < 4 ? 1 : level < 9 ? 2 : 3;
  const std::uint32_t counts = std::min(candidates.first_count, 15u) * 8 + candidates.second_count;
  return ((second ? 128u : 0u) + counts) * 16 + other * 4 + depth;
}

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
std::int16_t expect(const AdaptiveMap& map, Expectations& expectations, std::uint32_t entry, int decision,
                    std::uint32_t bit) {
  expectations.add(entry, decision, bit);
  const std::int16_t logit = map[entry].logit;
  return bit != 0 ? logit : static_cast<std::int16_t>(-logit);
}

/// Bits of the symbol so far behind a one, so that 0 and 00 differ.
std::uint32_t path_of(const LaneRecord& lane) {
  return std::uint32_t{1} << lane.level | lane.prefix;
}

}  // namespace

void Memory::State::prepare(LaneRecord& lane) const {
  if (alphabet.is_bytes()) {
    hash_byte_contexts(lane.text, lane.hashes);
  } else {
    hash_token_contexts(lane.text, lane.hashes);
  }
  lane.decision_count = 0;
  lane.level = 0;
  lane.groups_open = 0;
  lane.prefix = 0;
  for (Expectations& expectations : lane.candidate_expectations) expectations.count = 0;
  for (Expectations& expectations : lane.match_expectations) expectations.count = 0;
  for (int i = 0; i < histories; ++i) history_tables[i].prefetch(combine(lane.hashes.history[i], path_of(lane)));
  for (int i = 0; i < candidates; ++i) candidate_tables[i].prefetch(lane.hashes.candidate[i]);
  for (int i = 0; i < matches; ++i) match_finders[i].prefetch(lane.matches[i]);
}

/// The lane stands at the group's first level. The first group also finds candidates and matches.
void Memory::State::open_group(LaneRecord& lane, int group) const {
  std::array<std::uint32_t, kMaxHistoryContexts> hashes;
  for (int i = 0; i < histories; ++i) {
    hashes[i] = combine(lane.hashes.history[i], path_of(lane));
    history_tables[i].prefetch(hashes[i]);
  }
  for (int i = 0; i < histories; ++i) {
    if (has(Part::kHistory, i)) lane.places[i][group] = history_tables[i].find(hashes[i]);
  }
  lane.groups_open = group + 1;
  if (group > 0) return;
  for (int i = 0; i < candidates; ++i) lane.candidates[i] = candidate_tables[i].find(lane.hashes.candidate[i]);
  for (int i = 0; i < matches; ++i) match_finders[i].update(lane.matches[i], lane.text, step);
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

void Memory::State::fill_inputs(LaneRecord& lane, Decision& decision, int group, Probability model_zero) const {
  const int now = lane.decision_count;
  auto& inputs = decision.inputs;
  const int below = depth - lane.level;  // bits of the symbol not known yet
  int histories_known = 0;
  for (int i = 0; i < histories; ++i) {
    const BitHistory history =
        has(Part::kHistory, i) ? history_tables[i].history(lane.places[i][group], lane.nodes[now]) : BitHistory{0};
    lane.histories[i][now] = history;
    inputs[i] = history == 0 ? std::int16_t{0} : history_maps[i][history].logit;
    histories_known += history != 0;
  }

  int candidates_known = 0;
  for (int i = 0; i < candidates; ++i) {
    const Candidates& seen = lane.candidates[i];
    const bool first_fits = seen.first_count > 0 && seen.first >> below == lane.prefix;
    const bool second_fits = seen.second_count > 0 && seen.second >> below == lane.prefix;
    inputs[candidate_input + i] = 0;
    if (!has(Part::kCandidate, i)) continue;
    if (!first_fits && !second_fits) continue;
    ++candidates_known;
    const std::uint32_t bit = (first_fits ? seen.first : seen.second) >> (below - 1) & 1;
    const std::uint32_t other = !first_fits || !second_fits ? 0 : (seen.second >> (below - 1) & 1) == bit ? 1 : 2;
    const std::uint32_t entry = candidate_entry(seen, !first_fits, other, lane.level);
    inputs[candidate_input + i] = expect(candidate_maps[i], lane.candidate_expectations[i], entry, now, bit);
  }

  int best_length = -1;  // class of the first match that fits
  std::uint32_t best_bit = 0;
  for (int i = 0; i < matches; ++i) {
    inputs[match_input + i] = 0;
    if (!has(Part::kMatch, i)) continue;
    const Match& match = lane.matches[i];
    if (match.position == Match::kNone) continue;
    const Symbol symbol = match_finders[i].predicted(match);
    if (symbol >> below != lane.prefix) continue;
    const std::uint32_t bit = symbol >> (below - 1) & 1;
    const std::uint32_t length = length_class(match.length);
    const std::uint32_t entry = length * kMaxDepth + static_cast<std::uint32_t>(lane.level);
    inputs[match_input + i] = expect(match_maps[i], lane.match_expectations[i], entry, now, bit);
    if (best_length < 0) {
      best_length = static_cast<int>(length);
      best_bit = bit;
    }
  }

  const int model = with_model ? kLogistic.stretch[65536 - model_zero] : 0;
  inputs[model_input] = static_cast<std::int16_t>(model);
  inputs[bias_input] = kBias;

  // What chooses the weights.
  const auto level = static_cast<std::uint32_t>(lane.level);
  const std::uint32_t path = path_of(lane);
  const std::uint32_t confidence = static_cast<std::uint32_t>(std::min(7, std::abs(model) / 192));
  const auto known =
      static_cast<std::uint32_t>(std::min(histories_known, 15) * 4 + std::min(3, (candidates_known + 1) / 2));
  decision.sets[0] = level * 64 + match_state(best_length) * 8 + confidence;
  decision.sets[1] = level * 64 + known;
  decision.sets[2] = level < 7 ? 128 + path : 256 + (level * 128 + (lane.prefix >> (level - 7) & 127)) % 1792;
  decision.sets[3] = level * 256 + (lane.text.last(1) >> std::max(0, depth - 8) & 255);
  // Where lines are very long or none, records tell more than fields.
  decision.sets[4] = alphabet.is_bytes() && lane.text.column() >= 255
                         ? (lane.text.record(1, 0) & 255) * 8 + level
                         : combine(combine(lane.text.field(), lane.text.first_of_line()), level) & 4095;
  decision.final_set = level * 8 + confidence;
  const std::uint32_t length = best_length < 0 ? 0 : best_length < 15 ? 1 : best_length < 32 ? 2 : 3;
  decision.refinement_entries[0] = level * 8 + length * 2 + best_bit;
  decision.refinement_entries[1] = combine(combine(lane.text.last(1), 77), path) & 4095;
}

/// Each map knows what really came where the mixer said `logit`. Leaves the entries to learn from in the decision.
int Memory::State::refine(Decision& decision, int logit) const {
  const int mixed = kLogistic.squash[logit + kMaxLogit];
  const int place = std::clamp(logit + kKnots / 2 * kKnotDistance, 0, (kKnots - 1) * kKnotDistance - 1);
  const int knot = place / kKnotDistance;
  const int offset = place % kKnotDistance;
  int refined = mixed;
  for (int i = 0; i < kRefinements; ++i) {
    if (!has(Part::kRefinement, i)) continue;
    const std::uint32_t first = decision.refinement_entries[i] * kKnots + static_cast<std::uint32_t>(knot);
    const int left = refinements[i][first].probability;
    const int right = refinements[i][first + 1].probability;
    refined += ((left * (kKnotDistance - offset) + right * offset) / kKnotDistance - mixed) >> 2;
    decision.refinement_entries[i] = first + (offset >= kKnotDistance / 2 ? 1 : 0);
  }
  return refined;
}

Probability Memory::State::mix(LaneRecord& lane, int level, Probability model_zero) const {
  lane.prefix <<= level - lane.level;  // levels without a decision are zeros
  lane.level = level;
  const int group = group_of_level[level];
  if (lane.groups_open <= group) open_groups(lane, group);
  Decision& decision = lane.decisions[lane.decision_count];
  const std::uint32_t first_node = (std::uint32_t{1} << (level - group_begin[group])) - 1;
  lane.groups[lane.decision_count] = static_cast<std::uint8_t>(group);
  lane.nodes[lane.decision_count] = static_cast<std::uint8_t>(first_node + (lane.prefix & first_node));
  fill_inputs(lane, decision, group, model_zero);
  for (int i = 0; i < mixers; ++i) {
    if (!has(Part::kMixer, i)) continue;
    decision.outputs[i] = static_cast<std::int16_t>(layers[i].mix(decision.sets[i], decision.inputs.data()));
  }
  decision.final_logit = final_layer.mix(decision.final_set, decision.outputs.data());
  return static_cast<Probability>(65536 - std::clamp(refine(decision, decision.final_logit), 1, 65535));
}

void Memory::State::learn(LaneRecord& lane, unsigned bit) const {
  Decision& decision = lane.decisions[lane.decision_count];
  lane.bits[lane.decision_count] = static_cast<std::uint8_t>(bit);
  for (int i = 0; i < mixers; ++i) decision.gradients[i] = gradient(bit, decision.outputs[i], rate);
  decision.final_gradient = gradient(bit, decision.final_logit, final_rate);
  ++lane.decision_count;
  lane.prefix = lane.prefix << 1 | bit;
  ++lane.level;
}

}  // namespace fz::memory
