#include "shard/forced_decisions.h"

#include <algorithm>

#include "shard/code_tree.h"

namespace fz::shard {
namespace {

/// Chunks for each thread in a window: enough to keep all threads busy to its end, few enough to bound the memory.
constexpr std::size_t kChunksOfThread = 8;

std::uint32_t choose_window(const model::Engine& engine, std::span<const TokenBlock> blocks, std::size_t lane_count) {
  const std::uint32_t chunk_size = blocks.front().chunking.chunk_size();
  const std::size_t wanted_chunks = static_cast<std::size_t>(engine.pool().threads()) * kChunksOfThread;
  const std::uint32_t longest_chunks = (longest_lane(blocks) + chunk_size - 1) / chunk_size;
  const auto chunks_of_lane = static_cast<std::uint32_t>(wanted_chunks / lane_count);
  return std::clamp(chunks_of_lane, 1u, std::max(longest_chunks, 1u)) * chunk_size;
}

}  // namespace

std::vector<model::FrequencyTable> make_frequency_tables(const model::Engine& engine) {
  std::vector<model::FrequencyTable> tables;
  for (int thread = 0; thread < engine.pool().threads(); ++thread) {
    tables.emplace_back(engine.model().config.vocabulary_size);
  }
  return tables;
}

ForcedDecisions::ForcedDecisions(model::Engine& engine, std::span<const TokenBlock> blocks)
    : engine_(engine),
      blocks_(blocks),
      lanes_(lanes_of(blocks)),
      window_(choose_window(engine, blocks, lanes_.size())),
      depth_(code_tree_depth(engine.model().config.vocabulary_size)),
      tables_(make_frequency_tables(engine)),
      probabilities_(lanes_.size() * window_ * static_cast<std::size_t>(depth_)) {
  std::size_t first = 0;
  for (const TokenBlock& block : blocks) {
    first_lane_.push_back(first);
    first += block.lanes.size();
  }
}

std::size_t ForcedDecisions::bytes_per_lane(const model::ModelConfig& config) {
  return config.context * static_cast<std::size_t>(code_tree_depth(config.vocabulary_size)) * sizeof(Probability);
}

void ForcedDecisions::predict(std::uint32_t start) {
  std::vector<model::PrefillChunk> chunks;
  std::vector<std::size_t> slots;  // of each chunk's first predicted token in probabilities_
  for (const BlockLane& place : lanes_) {
    const TokenBlock& block = blocks_[place.block];
    const Lane& lane = block.lanes[place.lane];
    for (std::uint32_t i = 0; i < window_ && start + i < lane.end - lane.begin; i += block.chunking.chunk_size()) {
      chunks.push_back(block.chunk(lane, start + i));
      slots.push_back(slot(place.block, place.lane, i));
    }
  }
  engine_.prefill(chunks, [&](std::size_t chunk, std::size_t position, int thread, const float* logits) {
    model::FrequencyTable& table = tables_[thread];
    table.fill(engine_.kernels(), logits);
    const model::TokenId token = chunks[chunk].tokens[position];
    const std::size_t predicted = slots[chunk] + position - chunks[chunk].known;
    Probability* target = probabilities_.data() + predicted * static_cast<std::size_t>(depth_);
    walk_code_tree(table, [&](int level, Probability zero) {
      target[level] = zero;
      return token >> (depth_ - 1 - level) & 1;
    });
  });
}

}  // namespace fz::shard
