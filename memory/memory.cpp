#include "memory/memory.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "base/error.h"
#include "memory/memory_state.h"

namespace fz::memory {
namespace {

constexpr std::uint16_t kMapLimit = 255;
constexpr std::array<std::uint32_t, kMaxMixers> kMixerSets = {kMaxDepth * 64, kMaxDepth * 64, 2048, kMaxDepth * 256,
                                                              4096};
constexpr std::uint32_t kFinalSets = kMaxDepth * 8;
constexpr std::array<std::uint32_t, kRefinements> kRefinementContexts = {kMaxDepth * 8, 4096};
constexpr std::size_t kCandidateEntries = 256 * 16;
constexpr std::size_t kMatchEntries = 64 * kMaxDepth;

/// log2 of the sizes of hash tables, for a block of so many symbols.
int bucket_bits(std::size_t symbols) {
  return std::clamp(static_cast<int>(std::bit_width(symbols)) + 1, 10, 18);
}
int entry_bits(std::size_t symbols) {
  return std::clamp(static_cast<int>(std::bit_width(symbols)), 10, 20);
}
/// A match far back is worth most in a large block of files that are nearly the same.
int match_bits(std::size_t symbols) {
  return std::clamp(static_cast<int>(std::bit_width(symbols)), 10, 22);
}

/// Lanes that learn together take smaller steps, in units of 2^-16: round(65536 / √lanes).
std::uint32_t share_of_lane(std::size_t lanes) {
  constexpr std::array<std::uint32_t, 11> kShares = {65536, 46341, 32768, 23170, 16384, 11585,
                                                     8192,  5793,  4096,  2896,  2048};
  return kShares[std::bit_width(lanes) - 1];
}

}  // namespace

Memory::State::State(const Alphabet& the_alphabet, std::span<const LaneRange> lane_ranges, const Options& options)
    : alphabet(the_alphabet),
      kernels(*options.kernels),
      ranges(lane_ranges.begin(), lane_ranges.end()),
      symbols(lane_ranges.back().end),
      plan(plan_of(the_alphabet)),
      depth(the_alphabet.depth()),
      with_model(options.with_model),
      rules(options.rules),
      left_out(options.left_out),
      candidates(plan.candidate_contexts),
      matches(plan.matches),
      mixers(plan.mixers),
      candidate_input(kHistoryContexts),
      match_input(candidate_input + candidates),
      model_input(match_input + matches),
      bias_input(model_input + 1),
      input_count(bias_input + 1),
      lane_share(share_of_lane(lane_ranges.size())),
      lane_order(lane_ranges.size()),
      final_layer(kernels.final, kMaxOutputs, kFinalSets) {
  FZ_CHECK(depth >= 1 && depth <= kMaxDepth && std::has_single_bit(ranges.size()) && ranges.size() <= 1024);
  for (const LaneRange& range : ranges) lanes.emplace_back(LaneText(alphabet, symbols, range.begin));
  std::iota(lane_order.begin(), lane_order.end(), 0);
  if (options.shuffle_seed != 0) std::shuffle(lane_order.begin(), lane_order.end(), std::mt19937(options.shuffle_seed));

  // Levels are dealt to groups as evenly as possible, the longer ones first.
  const int groups = (depth + kBucketLevels - 1) / kBucketLevels;
  for (int group = 0, level = 0; group < groups; ++group) {
    const int left = groups - group;
    const int end = level + (depth - level + left - 1) / left;
    group_begin[group] = level;
    while (level < end) group_of_level[level++] = static_cast<std::uint8_t>(group);
    group_of_level[level] = static_cast<std::uint8_t>(group);
  }

  const std::size_t most_bits = lanes.size() * kMaxDepth;
  for (int i = 0; i < kHistoryContexts; ++i) {
    history_tables.emplace_back(bucket_bits(symbols.size()));
    LogitMap& map = history_maps.emplace_back(256, kMapLimit, most_bits);
    for (int history = 0; history < kBitHistories.count; ++history) {
      map.set(history, kBitHistories.first_probability[history]);
    }
  }
  for (int i = 0; i < kHistoryContexts; ++i) history_logits[i] = history_maps[i].logits();
  for (int i = 0; i < candidates; ++i) {
    candidate_tables.emplace_back(entry_bits(symbols.size()));
    candidate_maps.emplace_back(kCandidateEntries, kMapLimit, most_bits);
  }
  for (int i = 0; i < matches; ++i) {
    match_finders.emplace_back(ranges, symbols, plan.match_lengths[i], match_bits(symbols.size()));
    match_maps.emplace_back(kMatchEntries, kMapLimit, most_bits);
  }
  for (int i = 0; i < mixers; ++i) {
    MixerLayer& layer = layers.emplace_back(kernels.first, kMaxInputs, kMixerSets[i]);
    const FirstWeights& first = rules.first_weights;
    for (int input = 0; input < candidate_input; ++input) layer.set_weights(input, first.history);
    for (int input = candidate_input; input < match_input; ++input) layer.set_weights(input, first.candidate);
    for (int input = match_input; input < model_input; ++input) layer.set_weights(input, first.match);
    layer.set_weights(model_input, with_model ? first.model : 0);
    final_layer.set_weights(i, first.final[i]);
  }
  for (const std::uint32_t contexts : kRefinementContexts) {
    AdaptiveMap& map = refinements.emplace_back(contexts * kKnots, kMapLimit, most_bits);
    for (std::uint32_t i = 0; i < contexts * kKnots; ++i) {
      const int logit = (static_cast<int>(i % kKnots) - kKnots / 2) * kKnotDistance;
      map.set(i, kLogistic.squash[limit_logit(logit) + kMaxLogit]);
    }
  }
  begin_step();
}

void Memory::State::begin_step() {
  block_rate = rate_at(rules.rate, symbols_done);
  final_block_rate = rate_at(rules.final_rate, symbols_done);
  active_lanes.clear();
  active_order.clear();
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (is_active(i)) active_lanes.push_back(&lanes[i]);
    if (is_active(lane_order[i])) active_order.push_back(&lanes[lane_order[i]]);
  }
}

Memory::Memory(const Alphabet& alphabet, std::span<const LaneRange> lanes, Options options) {
  if (options.kernels == nullptr) options.kernels = &choose_memory_kernels();
  state_ = std::make_unique<State>(alphabet, lanes, options);
}

Memory::~Memory() = default;

bool Memory::is_active(std::size_t lane) const {
  return state_->is_active(lane);
}

void Memory::prepare(std::size_t lane) {
  state_->prepare(state_->lanes[lane]);
}

Probability Memory::mix(std::size_t lane, int level, Probability model_zero) {
  return state_->mix(state_->lanes[lane], level, model_zero);
}

void Memory::learn(std::size_t lane, unsigned bit) {
  state_->learn(state_->lanes[lane], bit);
}

void Memory::end_step(ThreadPool* pool) {
  State& state = *state_;
  for (LaneRecord* lane : state.active_lanes) {
    lane->prefix <<= state.depth - lane->level;
    lane->level = state.depth;
    state.symbols[lane->text.position()] = lane->prefix;
    ++state.symbols_done;
  }
  const std::size_t tasks = state.update_tasks();
  if (pool != nullptr) {
    pool->parallel_for(tasks, [&](std::size_t task, int) { state.update(task); });
    for (LaneRecord* lane : state.active_lanes) lane->text.advance();
  } else {
    std::size_t task = 0;
    while (task < state.context_tasks()) state.update(task++);
    for (LaneRecord* lane : state.active_lanes) {
      lane->text.advance();
      // The tables' places come nearer while the rest is updated.
      if (lane->text.position() < state.symbols.size()) state.hash_contexts(*lane);
    }
    while (task < tasks) state.update(task++);
  }
  ++state.step;
  state.begin_step();
}

std::span<const Symbol> Memory::symbols() const {
  return state_->symbols;
}

std::size_t Memory::table_bytes(const Alphabet& alphabet, std::size_t symbol_count) {
  const ContextPlan& plan = plan_of(alphabet);
  return kHistoryContexts * (sizeof(HistoryTable::Bucket) << bucket_bits(symbol_count)) +
         plan.candidate_contexts * (sizeof(std::uint64_t) << entry_bits(symbol_count)) +
         plan.matches * (sizeof(std::uint32_t) << match_bits(symbol_count));
}

}  // namespace fz::memory
