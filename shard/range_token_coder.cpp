#include "shard/range_token_coder.h"

#include "shard/code_tree.h"
#include "shard/lanes.h"
#include "shard/token_stepper.h"

namespace fz::shard {
namespace {

std::vector<model::FrequencyTable> make_tables(const model::Engine& engine) {
  std::vector<model::FrequencyTable> tables;
  for (int thread = 0; thread < engine.pool().threads(); ++thread) {
    tables.emplace_back(engine.model().config.vocabulary_size);
  }
  return tables;
}

/// Some consecutive chunks of every lane: the model runs over all of them first, then the lanes' coders.
class Window {
 public:
  Window(model::Engine& engine, std::span<const model::TokenId> tokens, const std::vector<Lane>& lanes,
         std::uint32_t chunks_per_lane)
      : engine_(engine),
        tokens_(tokens),
        lanes_(lanes),
        context_(engine.model().config.context),
        size_(chunks_per_lane * context_),
        depth_(code_tree_depth(engine.model().config.vocabulary_size)),
        tables_(make_tables(engine)),
        probabilities_(lanes.size() * size_ * depth_) {}

  std::uint32_t size() const { return size_; }

  /// The probabilities of the true decisions of tokens [start, start + size()) of every lane.
  void predict(std::uint32_t start) {
    std::vector<std::span<const model::TokenId>> chunks;
    std::vector<std::size_t> slots;  // of each chunk's first token in probabilities_
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
      for (std::uint32_t at = start; at < start + size_; at += context_) {
        const std::uint32_t begin = lanes_[lane].begin + at;
        if (begin >= lanes_[lane].end) break;
        chunks.push_back(tokens_.subspan(begin, std::min(context_, lanes_[lane].end - begin)));
        slots.push_back(lane * size_ + (at - start));
      }
    }
    engine_.prefill(chunks, [&](std::size_t chunk, std::size_t position, int thread, const float* logits) {
      model::FrequencyTable& table = tables_[thread];
      table.fill(engine_.kernels(), logits);
      const model::TokenId token = chunks[chunk][position];
      Probability* target = probabilities_.data() + (slots[chunk] + position) * depth_;
      walk_code_tree(table, [&](int level, Probability zero) {
        target[level] = zero;
        return token >> (depth_ - 1 - level) & 1;
      });
    });
  }

  /// Codes what predict() prepared of one lane.
  void code(std::size_t lane, std::uint32_t start, RangeEncoder& encoder) const {
    for (std::uint32_t i = 0; i < size_ && lanes_[lane].begin + start + i < lanes_[lane].end; ++i) {
      const model::TokenId token = tokens_[lanes_[lane].begin + start + i];
      const Probability* zeros = probabilities_.data() + (lane * size_ + i) * depth_;
      std::uint32_t begin = 0;
      for (int level = 0; level < depth_; ++level) {
        const std::uint32_t half = std::uint32_t{1} << (depth_ - 1 - level);
        if (begin + half >= engine_.model().config.vocabulary_size) continue;
        const unsigned bit = (token & half) != 0;
        encoder.encode(bit, zeros[level]);
        begin += bit * half;
      }
    }
  }

 private:
  model::Engine& engine_;
  std::span<const model::TokenId> tokens_;
  const std::vector<Lane>& lanes_;
  std::uint32_t context_;
  std::uint32_t size_;  // tokens of each lane
  int depth_;
  std::vector<model::FrequencyTable> tables_;  // one for each thread
  std::vector<Probability> probabilities_;     // [lane, token of the window, level]
};

}  // namespace

Bytes encode_with_ranges(model::Engine& engine, std::span<const model::TokenId> tokens, std::uint32_t lane_count) {
  const std::uint32_t context = engine.model().config.context;
  const std::vector<Lane> lanes = divide_into_lanes(static_cast<std::uint32_t>(tokens.size()), context, lane_count);
  std::uint32_t longest = 0;
  for (const Lane& lane : lanes) longest = std::max(longest, lane.end - lane.begin);
  // Enough chunks at a time to keep all threads busy, few enough to bound the memory.
  const auto wanted_chunks = static_cast<std::uint32_t>(engine.pool().threads()) * 8;
  const std::uint32_t longest_chunks = (longest + context - 1) / context;
  const std::uint32_t chunks_per_lane = std::clamp(wanted_chunks / lane_count, 1u, std::max(longest_chunks, 1u));
  Window window(engine, tokens, lanes, chunks_per_lane);
  std::vector<RangeEncoder> encoders(lane_count);
  for (std::uint32_t start = 0; start < longest; start += window.size()) {
    window.predict(start);
    engine.pool().parallel_for(lane_count, [&](std::size_t lane, int) { window.code(lane, start, encoders[lane]); });
  }
  ByteWriter sizes;
  ByteWriter streams;
  for (std::uint32_t lane = 0; lane < lane_count; ++lane) {
    const Bytes stream = encoders[lane].finish();
    if (lane + 1 < lane_count) sizes.write_varint(stream.size());
    streams.write_bytes(stream);
  }
  sizes.write_bytes(streams.bytes());
  return sizes.take();
}

std::vector<model::TokenId> decode_with_ranges(model::Engine& engine, ByteReader& reader, std::uint32_t token_count,
                                               std::uint32_t lane_count) {
  std::vector<std::uint64_t> sizes;
  for (std::uint32_t lane = 0; lane + 1 < lane_count; ++lane) sizes.push_back(reader.read_varint());
  std::vector<RangeDecoder> decoders;
  for (std::uint64_t size_bytes : sizes) decoders.emplace_back(reader.take(size_bytes));
  decoders.emplace_back(reader.take(reader.remaining()));

  const std::vector<Lane> lanes = divide_into_lanes(token_count, engine.model().config.context, lane_count);
  std::vector<model::FrequencyTable> tables = make_tables(engine);
  return step_through_lanes(engine, lanes, [&](std::size_t lane, int thread, const float* logits) {
    model::FrequencyTable& table = tables[thread];
    table.fill(engine.kernels(), logits);
    return walk_code_tree(table, [&](int, Probability zero) { return decoders[lane].decode(zero); });
  });
}

}  // namespace fz::shard
