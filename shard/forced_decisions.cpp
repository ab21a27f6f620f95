#include "shard/forced_decisions.h"

#include <algorithm>

#include "shard/code_tree.h"

namespace fz::shard {
namespace {

/// Enough chunks at a time to keep all threads busy, few enough to bound the memory.
std::uint32_t choose_window(const model::Engine& engine, const std::vector<Lane>& lanes) {
  const std::uint32_t context = engine.model().config.context;
  const auto wanted_chunks = static_cast<std::uint32_t>(engine.pool().threads()) * 8;
  const std::uint32_t longest_chunks = (longest_lane(lanes) + context - 1) / context;
  const auto lane_count = static_cast<std::uint32_t>(lanes.size());
  return std::clamp(wanted_chunks / lane_count, 1u, std::max(longest_chunks, 1u)) * context;
}

}  // namespace

std::vector<model::FrequencyTable> make_frequency_tables(const model::Engine& engine) {
  std::vector<model::FrequencyTable> tables;
  for (int thread = 0; thread < engine.pool().threads(); ++thread) {
    tables.emplace_back(engine.model().config.vocabulary_size);
  }
  return tables;
}

ForcedDecisions::ForcedDecisions(model::Engine& engine, std::span<const model::TokenId> tokens,
                                 const std::vector<Lane>& lanes)
    : engine_(engine),
      tokens_(tokens),
      lanes_(lanes),
      context_(engine.model().config.context),
      window_(choose_window(engine, lanes)),
      depth_(code_tree_depth(engine.model().config.vocabulary_size)),
      tables_(make_frequency_tables(engine)),
      probabilities_(lanes.size() * window_ * static_cast<std::size_t>(depth_)) {}

void ForcedDecisions::predict(std::uint32_t start) {
  std::vector<std::span<const model::TokenId>> chunks;
  std::vector<std::size_t> slots;  // of each chunk's first token in probabilities_
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    for (std::uint32_t at = start; at < start + window_; at += context_) {
      const std::uint32_t begin = lanes_[lane].begin + at;
      if (begin >= lanes_[lane].end) break;
      chunks.push_back(tokens_.subspan(begin, std::min(context_, lanes_[lane].end - begin)));
      slots.push_back(lane * window_ + (at - start));
    }
  }
  engine_.prefill(chunks, [&](std::size_t chunk, std::size_t position, int thread, const float* logits) {
    model::FrequencyTable& table = tables_[thread];
    table.fill(engine_.kernels(), logits);
    const model::TokenId token = chunks[chunk][position];
    Probability* target = probabilities_.data() + (slots[chunk] + position) * static_cast<std::size_t>(depth_);
    walk_code_tree(table, [&](int level, Probability zero) {
      target[level] = zero;
      return token >> (depth_ - 1 - level) & 1;
    });
  });
}

}  // namespace fz::shard
