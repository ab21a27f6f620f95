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
      const Decision& decision = lane.decisions[i];
      const BitHistory next = kBitHistories.next[decision.histories[context]][decision.bit];
      table.set(lane.places[context][decision.group], decision.node, next);
    }
  });
  for_decisions([&](const Decision& decision) {
    const BitHistory history = decision.histories[context];
    if (history != 0) map.count(history, decision.bit);
  });
  map.apply();
}

void Memory::State::update_candidates(std::size_t context) {
  AdaptiveMap& map = candidate_maps[context];
  for_decisions([&](const Decision& decision) {
    const std::uint32_t entry = decision.candidate_entries[context];
    if (entry != kNoEntry) map.count(entry, (decision.candidate_bits >> context & 1) == decision.bit);
  });
  map.apply();
  for_lanes_downwards([&](LaneRecord& lane) {
    Candidates seen = lane.candidates[context];
    seen.see(lane.prefix);
    candidate_tables[context].set(lane.hashes.candidate[context], seen);
  });
}

void Memory::State::update_matches(std::size_t kind) {
  AdaptiveMap& map = match_maps[kind];
  for_decisions([&](const Decision& decision) {
    const std::uint32_t entry = decision.match_entries[kind];
    if (entry != kNoEntry) map.count(entry, (decision.match_bits >> kind & 1) == decision.bit);
  });
  map.apply();
  for_lanes([&](LaneRecord& lane) { match_finders[kind].follow(lane.matches[kind], lane.prefix); });
  for_lanes_downwards([&](LaneRecord& lane) {
    match_finders[kind].insert(lane.match_hashes[kind], lane.text.position());
  });
}

void Memory::State::update_mixer(std::size_t layer) {
  for_decisions([&](const Decision& decision) {
    if (decision.gradients[layer] == 0) return;
    layers[layer].train(decision.sets[layer], decision.inputs.data(), decision.gradients[layer]);
  });
  for_decisions([&](const Decision& decision) {
    if (decision.gradients[layer] != 0) layers[layer].settle(decision.sets[layer]);
  });
}

void Memory::State::update_final() {
  for_decisions([&](const Decision& decision) {
    final_layer.train(decision.final_set, decision.outputs.data(), decision.final_gradient);
    for (int i = 0; i < kRefinements; ++i) refinements[i].count(decision.refinement_entries[i], decision.bit);
  });
  for_decisions([&](const Decision& decision) { final_layer.settle(decision.final_set); });
  for (AdaptiveMap& map : refinements) map.apply();
}

void Memory::State::update(std::size_t task) {
  const auto next_kind = [&task](int count) {
    if (task < static_cast<std::size_t>(count)) return true;
    task -= static_cast<std::size_t>(count);
    return false;
  };
  if (next_kind(histories)) return update_histories(task);
  if (next_kind(candidates)) return update_candidates(task);
  if (next_kind(matches)) return update_matches(task);
  if (next_kind(mixers)) return update_mixer(task);
  update_final();
}

}  // namespace fz::memory
