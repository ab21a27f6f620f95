#include "shard/token_stepper.h"

#include <algorithm>

#include "base/stopwatch.h"
#include "base/work_meter.h"

namespace fz::shard {
namespace {

void end_step(ThreadPool& pool, std::span<const std::unique_ptr<TokenDecoder>> decoders) {
  if (decoders.size() == 1) {
    decoders.front()->end_step(&pool);
  } else {
    pool.parallel_for(decoders.size(), [&](std::size_t block, int) { decoders[block]->end_step(nullptr); });
  }
}

/// A lane and the chunk that it is in.
struct SteppedLane {
  TokenBlock& block;
  TokenDecoder& decoder;
  PredictionLog* log;  // null: none
  std::size_t number;  // in the block
  std::vector<std::uint16_t> answers = {};
  bool is_known = false;  // the answers are

  const Lane& range() const { return block.lanes[number]; }
  std::uint32_t size() const { return range().end - range().begin; }
  /// Of the chunk that token t belongs to.
  std::uint32_t chunk_begin(std::uint32_t t) const { return t - t % block.chunking.chunk_size(); }
  std::uint32_t chunk_tokens(std::uint32_t t) const {
    return std::min(block.chunking.chunk_size(), size() - chunk_begin(t));
  }
  std::uint16_t* answers_of(std::uint32_t t) {
    return answers.data() + (t - chunk_begin(t)) * decoder.answers_of_token();
  }

  void begin_chunk(std::uint32_t t) {
    answers.resize(chunk_tokens(t) * decoder.answers_of_token());
    is_known = log != nullptr && log->read(range().begin + t, answers);
  }
  bool ends_chunk(std::uint32_t t) const { return t + 1 == chunk_begin(t) + chunk_tokens(t); }
};

/// Whether what the model says is worth keeping: known when there were some steps to time.
class WorthKeeping {
 public:
  WorthKeeping(const Checkpoints& checkpoints, std::uint32_t steps)
      : has_logs_(!checkpoints.logs.empty()), after_seconds_(checkpoints.after_seconds), steps_(steps) {}
  void add_step(double seconds) {
    seconds_ += seconds;
    ++timed_steps_;
  }
  bool is_worth() const { return has_logs_ && seconds_ / timed_steps_ * steps_ >= after_seconds_; }

 private:
  bool has_logs_;
  double after_seconds_;
  double steps_;
  double seconds_ = 0;
  double timed_steps_ = 0;
};

}  // namespace

void step_through_blocks(model::Engine& engine, std::span<TokenBlock> blocks,
                         std::span<const std::unique_ptr<TokenDecoder>> decoders, const Checkpoints& checkpoints) {
  const model::ModelConfig& config = engine.model().config;
  std::vector<SteppedLane> lanes;
  for (const auto& [block, lane] : lanes_of(blocks)) {
    PredictionLog* const log = checkpoints.logs.empty() ? nullptr : &checkpoints.logs[block];
    lanes.push_back({blocks[block], *decoders[block], log, lane});
  }
  model::KvCachePool caches(config, lanes.size());
  std::vector<TokenScratch> scratch;
  for (int thread = 0; thread < engine.pool().threads(); ++thread) {
    scratch.push_back({model::FrequencyTable(config.vocabulary_size), {}});
  }
  const std::uint32_t steps = longest_lane(blocks);
  WorthKeeping keeping(checkpoints, steps);
  std::vector<model::StepInput> inputs;
  std::vector<SteppedLane*> asked;  // of each input
  std::vector<SteppedLane*> known;
  std::vector<model::PrefillChunk> read_again;
  WorkMeter::expect_steps(steps);
  for (std::uint32_t t = 0; t < steps; ++t) {
    inputs.clear();
    asked.clear();
    known.clear();
    read_again.clear();
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      SteppedLane& lane = lanes[i];
      if (t >= lane.size()) continue;
      const bool begins_chunk = t == lane.chunk_begin(t);
      if (begins_chunk) lane.begin_chunk(t);
      if (lane.is_known) {
        known.push_back(&lane);
        continue;
      }
      bool restarts = false;
      if (begins_chunk) {
        const std::span<const model::TokenId> before = lane.block.read_again(lane.range(), t);
        restarts = before.empty();
        if (!restarts) read_again.push_back({before, before.size(), &caches[i]});
      }
      inputs.push_back({&caches[i], restarts ? 0 : lane.block.tokens[lane.range().begin + t - 1], restarts});
      asked.push_back(&lane);
    }
    if (!known.empty()) {
      engine.pool().parallel_for(known.size(), [&](std::size_t i, int) {
        SteppedLane& lane = *known[i];
        lane.block.tokens[lane.range().begin + t] = lane.decoder.choose_again(lane.number, lane.answers_of(t));
      });
    }
    if (!inputs.empty()) {
      const Stopwatch watch;
      if (!read_again.empty()) engine.prefill(read_again, nullptr);
      engine.step(inputs, [&](std::size_t input, int thread, const float* logits) {
        SteppedLane& lane = *asked[input];
        lane.block.tokens[lane.range().begin + t] =
            lane.decoder.choose(lane.number, logits, scratch[thread], lane.answers_of(t));
      });
      keeping.add_step(watch.seconds());
    }
    end_step(engine.pool(), decoders);
    WorkMeter::advance(1);
    for (SteppedLane* lane : asked) {
      if (lane->ends_chunk(t) && keeping.is_worth()) {
        lane->log->append(lane->range().begin + lane->chunk_begin(t), lane->answers);
      }
    }
  }
}

}  // namespace fz::shard
