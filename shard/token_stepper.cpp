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
  model::TokenId& token(std::uint32_t t) const { return block.tokens[range().begin + t]; }
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
    is_known = log != nullptr && log->read(place(t), answers);
  }
  /// Of the chunk that begins with token t.
  ChunkPlace place(std::uint32_t t) const { return block.place(range(), t); }
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

/// Takes one token of every lane at a time.
class Stepper {
 public:
  Stepper(model::Engine& engine, std::span<TokenBlock> blocks, std::span<const std::unique_ptr<TokenDecoder>> decoders,
          const Checkpoints& checkpoints)
      : engine_(engine),
        decoders_(decoders),
        keeping_(checkpoints, longest_lane(blocks)),
        caches_(engine.model().config, lanes_of(blocks).size()) {
    for (const auto& [block, lane] : lanes_of(blocks)) {
      PredictionLog* const log = checkpoints.logs.empty() ? nullptr : &checkpoints.logs[block];
      lanes_.push_back({blocks[block], *decoders[block], log, lane});
    }
    for (int thread = 0; thread < engine.pool().threads(); ++thread)
      scratch_.push_back({model::FrequencyTable(engine.model().config.vocabulary_size), {}});
  }

  void step(std::uint32_t t) {
    sort_lanes(t);
    if (!known_.empty()) choose_known(t);
    if (!inputs_.empty()) ask_model(t);
    end_step(engine_.pool(), decoders_);
    for (SteppedLane* lane : asked_) {
      if (lane->ends_chunk(t) && keeping_.is_worth())
        lane->log->append(lane->place(lane->chunk_begin(t)), lane->answers);
    }
  }

 private:
  /// Into those whose answers are known, and those for which the model is asked.
  void sort_lanes(std::uint32_t t) {
    inputs_.clear();
    asked_.clear();
    known_.clear();
    read_again_.clear();
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      SteppedLane& lane = lanes_[i];
      if (t >= lane.size()) continue;
      const bool begins_chunk = t == lane.chunk_begin(t);
      if (begins_chunk) lane.begin_chunk(t);
      if (lane.is_known) {
        known_.push_back(&lane);
        continue;
      }
      bool restarts = false;
      if (begins_chunk) {
        const std::span<const model::TokenId> before = lane.block.read_again(lane.range(), t);
        restarts = before.empty();
        if (!restarts) read_again_.push_back({before, before.size(), &caches_[i]});
      }
      inputs_.push_back({&caches_[i], restarts ? 0 : lane.token(t - 1), restarts});
      asked_.push_back(&lane);
    }
  }

  void choose_known(std::uint32_t t) {
    engine_.pool().parallel_for(known_.size(), [&](std::size_t i, int) {
      SteppedLane& lane = *known_[i];
      lane.token(t) = lane.decoder.choose_again(lane.number, lane.answers_of(t));
    });
  }

  void ask_model(std::uint32_t t) {
    const Stopwatch watch;
    if (!read_again_.empty()) engine_.prefill(read_again_, nullptr);
    engine_.step(inputs_, [&](std::size_t input, int thread, const float* logits) {
      SteppedLane& lane = *asked_[input];
      lane.token(t) = lane.decoder.choose(lane.number, logits, scratch_[thread], lane.answers_of(t));
    });
    keeping_.add_step(watch.seconds());
  }

  model::Engine& engine_;
  std::span<const std::unique_ptr<TokenDecoder>> decoders_;
  WorthKeeping keeping_;
  std::vector<SteppedLane> lanes_;
  model::KvCachePool caches_;          // one for each lane
  std::vector<TokenScratch> scratch_;  // one for each thread
  // Of the step:
  std::vector<model::StepInput> inputs_;
  std::vector<SteppedLane*> asked_;  // of each input
  std::vector<SteppedLane*> known_;
  std::vector<model::PrefillChunk> read_again_;
};

}  // namespace

void step_through_blocks(model::Engine& engine, std::span<TokenBlock> blocks,
                         std::span<const std::unique_ptr<TokenDecoder>> decoders, const Checkpoints& checkpoints) {
  Stepper stepper(engine, blocks, decoders, checkpoints);
  const std::uint32_t steps = longest_lane(blocks);
  WorkMeter::expect_steps(steps);
  for (std::uint32_t t = 0; t < steps; ++t) {
    stepper.step(t);
    WorkMeter::advance(1);
  }
}

}  // namespace fz::shard
