// Learning at the end of a step. Each task owns one table, map or layer, so that tasks run side by side.
#include "memory/memory_state.h"

namespace fz::memory {

void Memory::State::update_histories(std::size_t context) {
  HistoryTable& table = history_tables[context];
  LogitMap& map = history_maps[context];
  for_lanes_downwards([&](LaneRecord& lane) {
    for (int group = 0; group < lane.groups_open; ++group) table.claim(lane.places[group][context]);
  });
  for_lanes([&](LaneRecord& lane) {
    for (int group = 0; group < lane.groups_open; ++group) table.open(lane.places[group][context]);
  });
  for_lanes_downwards([&](LaneRecord& lane) {
    std::array<BitHistory, HistoryTable::kNodes> nowhere;
    std::array<BitHistory*, kMaxGroups> targets;
    for (int group = 0; group < lane.groups_open; ++group) {
      const HistoryTable::Place& place = lane.places[group][context];
      targets[group] = table.has(place) ? table.nodes_to_write(place) : nowhere.data();
    }
    for (int i = 0; i < lane.decision_count; ++i) {
      const BitHistory history = lane.histories[i][context];
      targets[lane.groups[i]][lane.nodes[i]] = kBitHistories.next[history][lane.bits[i]];
    }
  });
  for_lanes([&](LaneRecord& lane) {
    map.count(lane.decision_count, [&](int i) {
      const BitHistory history = lane.histories[i][context];
      return AdaptiveMap::Bit{history, lane.bits[i], history != 0};
    });
  });
  map.apply();
}

void Memory::State::count_expectations(LogitMap& map, const LaneRecord& lane, const Expectations& expectations) {
  map.count(expectations.count, [&](int i) {
    const Expectation& said = expectations.said[i];
    return AdaptiveMap::Bit{said.entry, said.bit == lane.bits[said.decision]};
  });
}

void Memory::State::update_candidates(std::size_t context) {
  LogitMap& map = candidate_maps[context];
  for_lanes([&](LaneRecord& lane) { count_expectations(map, lane, lane.candidate_expectations[context]); });
  map.apply();
  for_lanes_downwards([&](LaneRecord& lane) {
    Candidates seen = lane.candidates[context];
    seen.see(lane.prefix);
    candidate_tables[context].set(lane.hashes.candidate[context], seen);
  });
}

void Memory::State::update_matches(std::size_t kind) {
  LogitMap& map = match_maps[kind];
  MatchFinder& finder = match_finders[kind];
  for_lanes([&](LaneRecord& lane) {
    count_expectations(map, lane, lane.match_expectations[kind]);
    finder.follow(lane.matches[kind], lane.prefix);
  });
  map.apply();
  for_lanes_downwards([&](LaneRecord& lane) { finder.insert(lane.matches[kind], lane.text); });
  for_lanes([&](LaneRecord& lane) { finder.roll(lane.matches[kind], lane.text, lane.prefix); });
}

void Memory::State::update_mixer(std::size_t index) {
  MixerLayer& layer = layers[index];
  std::array<WeightChange, kMaxDepth> changes;
  for_lanes([&](LaneRecord& lane) {
    std::size_t count = 0;
    for (int i = 0; i < lane.decision_count; ++i) {
      const Decision& decision = lane.decisions[i];
      layer.count_use(decision.sets[index]);
      changes[count] = {layer.weights(decision.sets[index]), decision.inputs.data(), decision.gradients[index]};
      count += decision.gradients[index] != 0;
    }
    layer.train({changes.data(), count});
  });
  layer.settle();
}

void Memory::State::update_final() {
  std::array<WeightChange, kMaxDepth> changes;
  for_lanes([&](LaneRecord& lane) {
    std::size_t count = 0;
    for (int i = 0; i < lane.decision_count; ++i) {
      const Decision& decision = lane.decisions[i];
      final_layer.count_use(decision.final_set);
      changes[count++] = {final_layer.weights(decision.final_set), decision.outputs.data(), decision.final_gradient};
    }
    for (int j = 0; j < kRefinements; ++j) {
      if (!has(Part::kRefinement, j)) continue;
      refinements[j].count(lane.decision_count, [&](int i) {
        return AdaptiveMap::Bit{lane.decisions[i].refinement_entries[j], lane.bits[i]};
      });
    }
    final_layer.train({changes.data(), count});
  });
  final_layer.settle();
  for (AdaptiveMap& map : refinements) map.apply();
}

void Memory::State::update(std::size_t task) {
  const auto next_kind = [&task](int count) {
    if (task < static_cast<std::size_t>(count)) return true;
    task -= static_cast<std::size_t>(count);
    return false;
  };
  const auto is_used = [&](Part part) { return has(part, static_cast<int>(task)); };
  if (next_kind(candidates)) {
    if (is_used(Part::kCandidate)) update_candidates(task);
  } else if (next_kind(matches)) {
    if (is_used(Part::kMatch)) update_matches(task);
  } else if (next_kind(kHistoryContexts)) {
    if (is_used(Part::kHistory)) update_histories(task);
  } else if (next_kind(mixers)) {
    if (is_used(Part::kMixer)) update_mixer(task);
  } else {
    update_final();
  }
}

}  // namespace fz::memory
