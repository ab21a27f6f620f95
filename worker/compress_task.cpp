// The task of compressing: reads a block's bytes from the corpus, codes them and appends them to this rank's shard
// file.
#include <optional>

#include "base/file.h"
#include "base/log.h"
#include "base/profile.h"
#include "base/work_meter.h"
#include "shard/corpus_reader.h"
#include "shard/job_adapter.h"
#include "shard/shard_file.h"
#include "worker/codec_store.h"
#include "worker/tasks.h"
#include "worker/write_gate.h"

namespace fz::worker {
namespace {

class CompressTask final : public Task {
 public:
  CompressTask(CompressSettings settings, Resources resources)
      : settings_(std::move(settings)),
        codecs_(std::move(resources), [this](const shard::TextCodecFactory& make) { return make_text(make); }) {}

  void begin(const comm::Begin& begin, Rank rank) override {
    if (begin.run == 0) return;  // an earlier run had done everything; the job directory is gone
    plan_ = shard::read_plan(settings_.job_directory);
    reader_.emplace(plan_);
    needs_model_ = begin.needs_model;
    run_ = begin.run;
    rank_ = rank;
    ByteWriter identity;
    identity.write_bytes(shard::plan_check(plan_));
    if (needs_model_ && !plan_.memorize.empty()) {
      shard::TextCodec& text = codecs_.text();
      const Bytes adapter = settings_.make_adapter(plan_, text);
      text.use_adapter(adapter, adapter_path());
      identity.write_bytes(shard::hash16(adapter));
    }
    identity_ = identity.take();
  }

  comm::Ready ready() override { return codecs_.ready(shard::Direction::kEncode, plan_.block_bytes, needs_model_); }

  void process(std::span<const BlockId> blocks, const Report& report) override {
    log_line(LogLevel::kDebug, "compresses {} blocks from block {}", blocks.size(), number(blocks.front()));
    const std::vector<shard::RawBlock> raws = read(blocks);
    const bool uses_model = plan_.uses_model(plan_.blocks[number(blocks.front())]);
    shard::TextCodec* const text = uses_model ? &codecs_.text() : nullptr;
    std::vector<shard::PredictionLog> logs;
    if (uses_model) logs = open_logs(raws);
    const shard::EncodeSettings settings{.coder = plan_.coder,
                                         .memory_coder = plan_.memory_coder,
                                         .lane_limit = plan_.lane_limit,
                                         .checkpoints = {logs, settings_.checkpoint_after_seconds}};
    const std::vector<shard::StoredBlock> encoded = encode(raws, text, settings);
    if (settings_.check_decode) shard::decode_blocks(encoded, text, "check of the new archive", codecs_.pool());
    const StageScope stage(Stage::kInputOutput);
    for (const shard::StoredBlock& block : encoded) {
      gate_.pass([&] {
        if (!writer_) writer_.emplace(settings_.job_directory, settings_.part, run_, rank_);
        const shard::BlockPlace place = writer_->append(block);
        report({block.header.id, place.offset_bytes, place.stored_bytes});
      });
    }
    for (shard::PredictionLog& log : logs) log.remove();
  }

  void abandon() override { gate_.close(); }

 private:
  /// All of one kind: the scheduler deals them so.
  std::vector<shard::RawBlock> read(std::span<const BlockId> ids) const {
    const StageScope stage(Stage::kInputOutput);
    std::vector<shard::RawBlock> raws;
    for (const BlockId id : ids) {
      if (number(id) >= plan_.blocks.size() ||
          plan_.uses_model(plan_.blocks[number(id)]) != plan_.uses_model(plan_.blocks[number(ids.front())])) {
        fail(ErrorCode::kLaunch, "rank {}: asked for a block that does not fit", number(rank_));
      }
      const shard::PlanBlock& range = plan_.blocks[number(id)];
      raws.push_back({id, range.raw_offset, reader_->read(range), range.kind});
    }
    return raws;
  }

  std::vector<shard::StoredBlock> encode(std::span<const shard::RawBlock> raws, shard::TextCodec* text,
                                         const shard::EncodeSettings& settings) {
    std::uint64_t raw_bytes = 0;
    for (const shard::RawBlock& block : raws) raw_bytes += block.raw.size();
    const WorkScope work(raw_bytes);
    return shard::encode_blocks(raws, text, settings, codecs_.pool());
  }

  std::vector<shard::PredictionLog> open_logs(std::span<const shard::RawBlock> raws) {
    const shard::PredictionLog::Writer writer{.directory = settings_.job_directory,
                                              .part = settings_.part,
                                              .run = run_,
                                              .rank = rank_,
                                              .gate = [this](const auto& write) { gate_.pass(write); }};
    std::vector<shard::PredictionLog> logs;
    for (const shard::RawBlock& block : raws) {
      ByteWriter identity;
      identity.write_bytes(identity_);
      identity.write_bytes(shard::hash16(block.raw));
      logs.emplace_back(writer, block.id, shard::hash16(identity.bytes()),
                        static_cast<std::uint32_t>(block.raw.size()));
    }
    return logs;
  }

  /// The model of the plan, and the adapter that was given to the job; one that is to be trained comes in begin().
  std::unique_ptr<shard::TextCodec> make_text(const shard::TextCodecFactory& make) const {
    auto text = make(plan_.model);
    if (text->identity() != plan_.model) {
      fail(ErrorCode::kModel, "rank {}: has another model than rank 0; give all ranks the same --model", number(rank_));
    }
    if (plan_.memorize.empty())
      text->use_adapter(shard::adapter_of_job(settings_.job_directory, plan_), adapter_path());
    return text;
  }

  std::string adapter_path() const { return (settings_.job_directory / shard::kAdapterName).string(); }

  CompressSettings settings_;
  CodecStore codecs_;
  shard::Plan plan_;
  std::optional<shard::CorpusReader> reader_;
  WriteGate gate_;
  std::optional<shard::ShardWriter> writer_;
  Bytes identity_;  ///< Of all that predictions depend on beside the block.
  bool needs_model_ = false;
  std::uint64_t run_ = 0;
  Rank rank_{};
};

}  // namespace

std::unique_ptr<Task> make_compress_task(CompressSettings settings, Resources resources) {
  return std::make_unique<CompressTask>(std::move(settings), std::move(resources));
}

}  // namespace fz::worker
