#include "shard/forced_decisions.h"

#include <algorithm>

#include "base/stopwatch.h"
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

ForcedDecisions::ForcedDecisions(model::Engine& engine, std::span<const TokenBlock> blocks,
                                 const Checkpoints& checkpoints)
    : engine_(engine),
      blocks_(blocks),
      checkpoints_(checkpoints),
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

std::size_t ForcedDecisions::chunk_count() const {
  std::size_t count = 0;
  for (const auto& [block, index] : lanes_) {
    const Lane& lane = blocks_[block].lanes[index];
    const std::uint32_t chunk_size = blocks_[block].chunking.chunk_size();
    count += (lane.end - lane.begin + chunk_size - 1) / chunk_size;
  }
  return count;
}

void ForcedDecisions::predict(std::uint32_t start) {
  struct Wanted {
    std::size_t block;
    std::uint32_t begin;  // of the block's tokens
    std::span<Probability> zeros;
  };
  const auto depth = static_cast<std::size_t>(depth_);
  const bool has_logs = !checkpoints_.logs.empty();
  std::vector<model::PrefillChunk> chunks;
  std::vector<Wanted> wanted;  // of each chunk
  for (const auto& [block_index, lane_index] : lanes_) {
    const TokenBlock& block = blocks_[block_index];
    const Lane& lane = block.lanes[lane_index];
    for (std::uint32_t i = 0; i < window_ && start + i < lane.end - lane.begin; i += block.chunking.chunk_size()) {
      const model::PrefillChunk chunk = block.chunk(lane, start + i);
      const std::uint32_t begin = lane.begin + start + i;
      const std::span<Probability> zeros =
          std::span(probabilities_)
              .subspan(slot(block_index, lane_index, i) * depth, (chunk.tokens.size() - chunk.known) * depth);
      if (has_logs && checkpoints_.logs[block_index].read(begin, zeros)) continue;
      chunks.push_back(chunk);
      wanted.push_back({block_index, begin, zeros});
    }
  }
  if (chunks.empty()) return;
  const Stopwatch watch;
  engine_.prefill(chunks, [&](std::size_t chunk, std::size_t position, int thread, const float* logits) {
    model::FrequencyTable& table = tables_[thread];
    table.fill(engine_.kernels(), logits);
    const model::TokenId token = chunks[chunk].tokens[position];
    Probability* const target = wanted[chunk].zeros.data() + (position - chunks[chunk].known) * depth;
    walk_code_tree(table, [&](int level, Probability zero) {
      target[level] = zero;
      return token >> (depth_ - 1 - level) & 1;
    });
  });
  if (!has_logs) return;
  const double seconds_per_chunk = watch.seconds() / static_cast<double>(chunks.size());
  if (!keeps_) keeps_ = seconds_per_chunk * static_cast<double>(chunk_count()) >= checkpoints_.after_seconds;
  if (!*keeps_) return;
  for (const Wanted& chunk : wanted) checkpoints_.logs[chunk.block].append(chunk.begin, chunk.zeros);
}

}  // namespace fz::shard
