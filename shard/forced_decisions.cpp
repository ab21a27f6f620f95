#include "shard/forced_decisions.h"

#include <algorithm>

#include "shard/code_tree.h"

namespace fz::shard {
namespace {

std::uint32_t choose_window(const model::Engine& engine, std::span<const TokenBlock> blocks, std::size_t lane_count) {
  const std::uint32_t chunk_size = blocks.front().chunking.chunk_size();
  const std::size_t wanted_chunks = static_cast<std::size_t>(engine.pool().threads()) * ChunkAnswers::kChunksOfThread;
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

ForcedDecisions::ForcedDecisions(model::Engine& engine, std::span<const TokenBlock> blocks,
                                 const Checkpoints& checkpoints)
    : engine_(engine),
      blocks_(blocks),
      answers_(engine, blocks, checkpoints),
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
  const auto depth = static_cast<std::size_t>(depth_);
  std::vector<ChunkAnswers::Question> questions;
  for (const BlockLane& place : lanes_) {
    const TokenBlock& block = blocks_[place.block];
    const std::uint32_t tokens = block.lanes[place.lane].end - block.lanes[place.lane].begin;
    const std::uint32_t chunk_size = block.chunking.chunk_size();
    for (std::uint32_t i = 0; i < window_ && start + i < tokens; i += chunk_size) {
      const std::size_t count = std::min(chunk_size, tokens - start - i);
      questions.push_back({place, start + i,
                           std::span(probabilities_).subspan(slot(place.block, place.lane, i) * depth, count * depth)});
    }
  }
  answers_.get(questions, [&](model::TokenId token, int thread, const float* logits, std::uint16_t* zeros) {
    model::FrequencyTable& table = tables_[thread];
    table.fill(engine_.kernels(), logits);
    walk_code_tree(table, [&](int level, Probability zero) {
      zeros[level] = zero;
      return token >> (depth_ - 1 - level) & 1;
    });
  });
  // A coder takes no 0, which a log may hold; levels without a decision hold anything.
  for (Probability& zero : probabilities_) zero = std::max<Probability>(zero, 1);
}

}  // namespace fz::shard
