#include "shard/chunk_answers.h"

#include "base/stopwatch.h"
#include "base/work_meter.h"

namespace fz::shard {
namespace {

std::size_t count_chunks(std::span<const TokenBlock> blocks) {
  std::size_t count = 0;
  for (const TokenBlock& block : blocks) {
    const std::uint32_t chunk_size = block.chunking.chunk_size();
    for (const Lane& lane : block.lanes) count += (lane.end - lane.begin + chunk_size - 1) / chunk_size;
  }
  return count;
}

}  // namespace

ChunkAnswers::ChunkAnswers(model::Engine& engine, std::span<const TokenBlock> blocks, const Checkpoints& checkpoints)
    : engine_(engine), blocks_(blocks), checkpoints_(checkpoints), chunk_count_(count_chunks(blocks)) {
  WorkMeter::expect_steps(chunk_count_);
}

void ChunkAnswers::get(std::span<const Question> questions, const Fill& fill) {
  const bool has_logs = !checkpoints_.logs.empty();
  const auto place = [this](const Question& question) {
    const TokenBlock& block = blocks_[question.lane.block];
    return block.place(block.lanes[question.lane.lane], question.first_token);
  };
  std::vector<model::PrefillChunk> chunks;
  std::vector<const Question*> asked;  // of each chunk
  for (const Question& question : questions) {
    if (has_logs && checkpoints_.logs[question.lane.block].read(place(question), question.answers)) {
      WorkMeter::advance(1);
      continue;
    }
    const TokenBlock& block = blocks_[question.lane.block];
    chunks.push_back(block.chunk(block.lanes[question.lane.lane], question.first_token));
    asked.push_back(&question);
  }
  if (chunks.empty()) return;
  const Stopwatch watch;
  engine_.prefill(chunks, [&](std::size_t index, std::size_t position, int thread, const float* logits) {
    const model::PrefillChunk& chunk = chunks[index];
    const std::span<std::uint16_t> answers = asked[index]->answers;
    const std::size_t answers_of_token = answers.size() / (chunk.tokens.size() - chunk.known);
    fill(chunk.tokens[position], thread, logits, answers.data() + (position - chunk.known) * answers_of_token);
  });
  WorkMeter::advance(chunks.size());
  if (!has_logs) return;
  const double seconds_per_chunk = watch.seconds() / static_cast<double>(chunks.size());
  if (!keeps_) keeps_ = seconds_per_chunk * static_cast<double>(chunk_count_) >= checkpoints_.after_seconds;
  if (!*keeps_) return;
  for (const Question* question : asked) {
    checkpoints_.logs[question->lane.block].append(place(*question), question->answers);
  }
}

}  // namespace fz::shard
