// Learning at the end of a step. Each task owns one table, map or layer, so that tasks run side by side.
#include "memory/memory_state.h"

namespace fz::memory {

void Memory::State::update_histories(std::size_t context) {
  HistoryTable& table = history_tables[context];
  AdaptiveMap& map = history_maps[context];
  const auto each_place = [&](const auto& body) {
    return [&, body](LaneRecord& lane) {
      for (int group = 0; group < lane.groups_open; ++group) body(lane.places[context][group]);
    };
  };
  for_lanes_downwards(each_place([&](const HistoryTable::Place& place) { table.claim(place); }));
  for_lanes(each_place([&](const HistoryTable::Place& place) { table.open(place); }));
  for_lanes_downwards([&](LaneRecord& lane) {
    for (int i = 0; i < lane.decision_count; ++i) {
      const BitHistory next = kBitHistories.next[lane.histories[context][i]][lane.bits[i]];
      table.set(lane.places[context][lane.groups[i]], lane.nodes[i], next);
    }
  });
  for_lanes([&](LaneRecord& lane) {
    for (int i = 0; i < lane.decision_count; ++i) {
      const BitHistory history = lane.histories[context][i];
      if (history != 0) map.count(history, lane.bits[i]);
    }
  });
  map.apply();
}

void Memory::State::count_expectations(AdaptiveMap& map, const LaneRecord& lane, const Expectations& expectations) {
  for (int i = 0; i < expectations.count; ++i) {
    const Expectation& said = expectations.said[i];
    map.count(said.entry, said.bit == lane.bits[said.decision]);
  }
}

void Memory::State::update_candidates(std::size_t context) {
  AdaptiveMap& map = candidate_maps[context];
  for_lanes([&](LaneRecord& lane) { count_expectations(map, lane, lane.candidate_expectations[context]); });
  map.apply();
  for_lanes_downwards([&](LaneRecord& lane) {
    Candidates seen = lane.candidates[context];
    seen.see(lane.prefix);
    candidate_tables[context].set(lane.hashes.candidate[context], seen);
  });
}

void Memory::State::update_matches(std::size_t kind) {
  AdaptiveMap& map = match_maps[kind];
  MatchFinder& finder = match_finders[kind];
  for_lanes([&](LaneRecord& lane) {
    count_expectations(map, lane, lane.match_expectations[kind]);
    finder.follow(lane.matches[kind], lane.prefix);
  });
  map.apply();
  for_lanes_downwards([&](LaneRecord& lane) { finder.insert(lane.matches[kind], lane.text); });
  for_lanes([&](LaneRecord& lane) { finder.roll(lane.matches[kind], lane.text, lane.prefix); });
}

void Memory::State::update_mixer(std::size_t layer) {
  for_lanes([&](LaneRecord& lane) {
    for (int i = 0; i < lane.decision_count; ++i) {
      const Decision& decision = lane.decisions[i];
      if (decision.gradients[layer] == 0) continue;
      layers[layer].train(decision.sets[layer], decision.inputs.data(), decision.gradients[layer]);
    }
  });
  layers[layer].settle();
}

void Memory::State::update_final() {
  for_lanes([&](LaneRecord& lane) {
    for (int i = 0; i < lane.decision_count; ++i) {
      const Decision& decision = lane.decisions[i];
      final_layer.train(decision.final_set, decision.outputs.data(), decision.final_gradient);
      for (int j = 0; j < kRefinements; ++j) {
        if (has(Part::kRefinement, j)) refinements[j].count(decision.refinement_entries[j], lane.bits[i]);
      }
    }
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
  if (next_kind(histories)) {
    if (is_used(Part::kHistory)) update_histories(task);
  } else if (next_kind(candidates)) {
    if (is_used(Part::kCandidate)) update_candidates(task);
  } else if (next_kind(matches)) {
    if (is_used(Part::kMatch)) update_matches(task);
  } else if (next_kind(mixers)) {
    if (is_used(Part::kMixer)) update_mixer(task);
  } else {
    update_final();
  }
}

}  // namespace fz::memory
