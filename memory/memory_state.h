// The parts of a Memory (private to memory/): tables, maps and mixers that all lanes share, and each lane's record of
// the step. memory_predict.cpp reads the tables and writes records, memory_update.cpp does the reverse.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "memory/adaptive_map.h"
#include "memory/candidate_table.h"
#include "memory/contexts.h"
#include "memory/history_table.h"
#include "memory/match_finder.h"
#include "memory/memory.h"
#include "memory/mixer.h"

namespace fz::memory {

inline constexpr int kMaxDepth = 18;
inline constexpr int kMaxGroups = (kMaxDepth + kBucketLevels - 1) / kBucketLevels;
static_assert(kHistoryContexts + kMaxCandidateContexts + kMaxMatches + 2 <= kMaxInputs);
static_assert(kMaxMixers <= kMaxOutputs);

// The refinement maps have an entry for each context and each of some logits between which they interpolate.
inline constexpr int kKnots = 33;
inline constexpr int kKnotDistance = 192;
inline constexpr int kRefinements = 2;

/// One decision of one lane, until the step ends.
struct Decision {
  alignas(32) std::array<std::int16_t, kMaxInputs> inputs = {};
  alignas(16) std::array<std::int16_t, kMaxOutputs> outputs = {};  // of the mixers: logits
  std::array<std::uint32_t, kMaxMixers> sets;
  std::array<std::int32_t, kMaxMixers> gradients;
  std::array<std::uint32_t, kRefinements> refinement_entries;
  std::uint32_t final_set;
  std::int32_t final_gradient;
  std::int16_t final_logit;
};

/// An entry of a candidate or match map that spoke at a decision.
struct Expectation {
  std::uint16_t entry;
  std::uint8_t decision;
  std::uint8_t bit;
};

/// What one context said in the step: at most one expectation for each decision.
struct Expectations {
  std::array<Expectation, kMaxDepth> said;
  int count;
  void add(std::uint32_t entry, int decision, std::uint32_t bit) {
    said[count++] = {static_cast<std::uint16_t>(entry), static_cast<std::uint8_t>(decision),
                     static_cast<std::uint8_t>(bit)};
  }
};

/// Is no symbol, whatever number of its bits is looked at.
inline constexpr Symbol kNoSymbol = UINT32_MAX;

/// What a context's candidates expect of the symbol; `entry` of their map is where those of their counts begin.
struct ExpectedCandidates {
  Symbol first;
  Symbol second;
  std::uint32_t entry;
};

struct ExpectedMatch {
  Symbol symbol;
  std::uint32_t length;  // its class
};

/// What selects weights and refinements for all decisions of a symbol.
struct SymbolSelectors {
  std::uint32_t last_symbol;  // its first eight levels
  std::uint32_t last_hash;
  std::uint32_t line_hash;
  std::uint32_t record_set;
  bool has_record;  // instead of a line

  std::uint32_t symbol_set(std::uint32_t level) const { return level * 256 + last_symbol; }
  std::uint32_t line_set(std::uint32_t level) const {
    return has_record ? record_set + level : combine(line_hash, level) & 4095;
  }
};

struct LaneRecord {
  explicit LaneRecord(const LaneText& lane_text) : text(lane_text) {}

  LaneText text;
  std::array<Match, kMaxMatches> matches;

  // Of the step.
  std::uint32_t hashed_position = UINT32_MAX;  // of the symbol that the hashes and selectors are for
  ContextHashes hashes;
  SymbolSelectors selectors;
  std::array<Candidates, kMaxCandidateContexts> candidates;
  std::array<ExpectedCandidates, kMaxCandidateContexts> expected_candidates;
  std::array<ExpectedMatch, kMaxMatches> expected_matches;
  std::array<std::array<HistoryTable::Place, kHistoryContexts>, kMaxGroups> places;
  std::array<const BitHistory*, kHistoryContexts> open_nodes;                 // of the last group opened
  std::array<std::array<BitHistory, kHistoryContexts>, kMaxDepth> histories;  // of each decision
  std::array<Expectations, kMaxCandidateContexts> candidate_expectations;
  std::array<Expectations, kMaxMatches> match_expectations;
  std::array<Decision, kMaxDepth> decisions;
  std::array<std::uint8_t, kMaxDepth> groups;  // of each decision
  std::array<std::uint8_t, kMaxDepth> nodes;
  std::array<std::uint8_t, kMaxDepth> bits;
  int decision_count = 0;
  int level = 0;        // of the code tree
  int groups_open = 0;  // groups of levels whose places are known
  Symbol prefix = 0;    // bits of the symbol so far
};

struct Memory::State {
  State(const Alphabet& alphabet, std::span<const LaneRange> lane_ranges, const Options& options);

  bool has(Part part, int index) const { return (left_out & part_bit(part, index)) == 0; }
  /// The same where it is asked most, compiled twice: with everything, and for measurements.
  template <bool kWhole>
  bool has(Part part, int index) const {
    return kWhole || has(part, index);
  }
  bool is_active(std::size_t lane) const { return ranges[lane].begin + step < ranges[lane].end; }
  void begin_step();

  // One lane at a time, any lane on any thread.
  void prepare(LaneRecord& lane) const;
  void hash_contexts(LaneRecord& lane) const;
  Probability mix(LaneRecord& lane, int level, Probability model_zero) const;
  void learn(LaneRecord& lane, unsigned bit) const;
  /// Of a mixer, in units of 2^-16.
  std::uint32_t rate_at(std::uint32_t base, std::uint32_t age) const {
    return (base + base * rules.pace.boost * rules.pace.half_age / (rules.pace.half_age + age)) * lane_share >> 16;
  }

  /// Tasks [0, update_tasks()) are independent of each other.
  std::size_t update_tasks() const {
    return static_cast<std::size_t>(kHistoryContexts + candidates + matches + mixers + 1);
  }
  /// Of them, those that look at the lanes' contexts come first, [0, context_tasks()): the texts may then go on.
  std::size_t context_tasks() const { return static_cast<std::size_t>(candidates + matches); }
  void update(std::size_t task);

  const Alphabet& alphabet;
  const MemoryKernels& kernels;
  std::vector<LaneRange> ranges;
  std::vector<Symbol> symbols;
  const ContextPlan plan;
  const int depth;
  const bool with_model;
  const Rules rules;
  const std::uint64_t left_out;
  // Counts of the plan, and where the inputs of each kind begin.
  const int candidates;
  const int matches;
  const int mixers;
  const int candidate_input;
  const int match_input;
  const int model_input;
  const int bias_input;
  const int input_count;
  const std::uint32_t lane_share;  // of the mixers' rates, in units of 2^-16

  std::array<int, kMaxGroups + 1> group_begin{};             // levels
  std::array<std::uint8_t, kMaxDepth + 1> group_of_level{};  // after the last one: that of the last
  std::vector<LaneRecord> lanes;
  std::vector<std::size_t> lane_order;    // in which sums visit the lanes: must not matter
  std::vector<LaneRecord*> active_lanes;  // of this step, the lowest first
  std::vector<LaneRecord*> active_order;  // the same as sums visit them
  std::vector<HistoryTable> history_tables;
  std::vector<LogitMap> history_maps;
  std::array<const std::int16_t*, kHistoryContexts> history_logits{};  // of the maps
  std::vector<CandidateTable> candidate_tables;
  std::vector<LogitMap> candidate_maps;
  std::vector<MatchFinder> match_finders;
  std::vector<LogitMap> match_maps;
  std::vector<MixerLayer> layers;
  MixerLayer final_layer;
  std::vector<AdaptiveMap> refinements;
  std::uint32_t step = 0;
  std::uint32_t symbols_done = 0;
  // Of the step, where rates fall with the block's age.
  std::uint32_t block_rate = 0;
  std::uint32_t final_block_rate = 0;

 private:
  void open_group(LaneRecord& lane, int group) const;
  void open_groups(LaneRecord& lane, int group) const;
  template <bool kWhole>
  Probability mix(LaneRecord& lane, Probability model_zero) const;
  void prefetch_histories(const LaneRecord& lane, std::uint32_t path) const;
  void find_expected(LaneRecord& lane) const;
  void fill_inputs(LaneRecord& lane, Decision& decision, Probability model_zero) const;
  template <bool kWhole>
  int refine(Decision& decision, int logit) const;

  void update_histories(std::size_t context);
  void update_candidates(std::size_t context);
  void update_matches(std::size_t kind);
  void update_mixer(std::size_t layer);
  void update_final();

  /// Calls body(lane) for every lane of this step, in an order that must not matter.
  template <typename Body>
  void for_lanes(const Body& body) {
    for (LaneRecord* lane : active_order) body(*lane);
  }
  /// The highest lane first: what the lowest writes stays.
  template <typename Body>
  void for_lanes_downwards(const Body& body) {
    for (std::size_t i = active_lanes.size(); i-- > 0;) body(*active_lanes[i]);
  }
  void count_expectations(LogitMap& map, const LaneRecord& lane, const Expectations& expectations);
};

}  // namespace fz::memory
