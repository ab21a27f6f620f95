// Restoring, printing and checking: all decode blocks; only what happens to the raw bytes differs.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>

#include "base/file.h"
#include "base/log.h"
#include "base/profile.h"
#include "base/work_meter.h"
#include "shard/archive_reader.h"
#include "shard/block_codec.h"
#include "shard/restore_journal.h"
#include "shard/selection.h"
#include "worker/codec_store.h"
#include "worker/tasks.h"
#include "worker/write_gate.h"

namespace fz::worker {
namespace {

class DecodeTask : public Task {
 public:
  DecodeTask(const std::filesystem::path& archive, Resources resources, double checkpoint_after_seconds = 0)
      : archive_(archive),
        checkpoint_after_seconds_(checkpoint_after_seconds),
        codecs_(std::move(resources), [this](const shard::TextCodecFactory& make) {
          auto text = make(archive_.header().model);
          shard::require_model(archive_, text->identity());
          text->use_adapter(archive_.read_adapter(), archive_.name());
          return text;
        }) {}

  void begin(const comm::Begin& begin, Rank) override { needs_model_ = begin.needs_model; }

  comm::Ready ready() override {
    return codecs_.ready(shard::Direction::kDecode, archive_.header().block_bytes, needs_model_);
  }

  void process(std::span<const BlockId> ids, const Report& report) override {
    log_line(LogLevel::kDebug, "decodes {} blocks from block {}", ids.size(), number(ids.front()));
    const std::vector<shard::StoredBlock> stored = read(ids);
    const bool needs_model = std::any_of(stored.begin(), stored.end(),
                                         [](const auto& block) { return shard::needs_model(block.header.codec); });
    std::vector<shard::PredictionLog> logs;
    if (needs_model) logs = open_logs(stored);
    const std::vector<Bytes> raws = decode(stored, needs_model ? &codecs_.text() : nullptr, logs);
    const StageScope stage(Stage::kInputOutput);
    use(stored, raws);
    for (const BlockId id : ids) report({id, 0, 0});
    for (shard::PredictionLog& log : logs) log.remove();
  }

 protected:
  /// Of blocks whose hashes are right, what they hold.
  virtual void use(std::span<const shard::StoredBlock> blocks, std::span<const Bytes> raws) = 0;
  /// For each block that needs a model, or none.
  virtual std::vector<shard::PredictionLog> open_logs(std::span<const shard::StoredBlock> /*blocks*/) { return {}; }

  ThreadPool& pool() { return codecs_.pool(); }

  const shard::ArchiveReader archive_;

 private:
  std::vector<shard::StoredBlock> read(std::span<const BlockId> ids) const {
    const StageScope stage(Stage::kInputOutput);
    std::vector<shard::StoredBlock> stored;
    for (const BlockId id : ids) {
      if (number(id) >= archive_.blocks().size()) fail(ErrorCode::kLaunch, "worker: asked for an unknown block");
      stored.push_back(archive_.read_block(id));
    }
    return stored;
  }

  std::vector<Bytes> decode(std::span<const shard::StoredBlock> stored, shard::TextCodec* text,
                            std::span<shard::PredictionLog> logs) {
    std::uint64_t raw_bytes = 0;
    for (const shard::StoredBlock& block : stored) raw_bytes += block.header.raw_bytes;
    const WorkScope work(raw_bytes);
    const bool knows_something =
        std::any_of(logs.begin(), logs.end(), [](const auto& log) { return log.known_chunks() > 0; });
    try {
      return shard::decode_blocks(stored, text, archive_.name(), codecs_.pool(), {logs, checkpoint_after_seconds_});
    } catch (const Error& error) {
      // What an earlier run has left may be wrong; only what the model says now speaks against the archive.
      if (error.code() != ErrorCode::kCorrupt || !knows_something) throw;
      log_line(LogLevel::kWarning, "{}; once more, without what an earlier run has left of it", error.what());
    }
    for (shard::PredictionLog& log : logs) log.remove();
    return shard::decode_blocks(stored, text, archive_.name(), codecs_.pool());
  }

  const double checkpoint_after_seconds_;
  CodecStore codecs_;
  bool needs_model_ = false;
};

class RestoreTask final : public DecodeTask {
 public:
  RestoreTask(RestoreSettings settings, Resources resources)
      : DecodeTask(settings.archive, std::move(resources), settings.checkpoint_after_seconds),
        target_(std::move(settings.target)),
        selection_(archive_, settings.patterns) {}

  void begin(const comm::Begin& begin, Rank rank) override {
    DecodeTask::begin(begin, rank);
    staging_ = target_ / begin.staging;
    run_ = begin.run;
    rank_ = rank;
  }

  void abandon() override { gate_.close(); }

  void finish() override { File::open_for_reading(staging_).sync_filesystem(); }

 private:
  void use(std::span<const shard::StoredBlock> blocks, std::span<const Bytes> raws) override {
    pool().parallel_for(blocks.size(),
                        [&](std::size_t i, int) { gate_.pass([&] { write(blocks[i].header, raws[i]); }); });
  }

  std::vector<shard::PredictionLog> open_logs(std::span<const shard::StoredBlock> blocks) override {
    const shard::PredictionLog::Writer writer{
        .directory = staging_, .part = {}, .run = run_, .rank = rank_, .gate = [this](const auto& write) {
          gate_.pass(write);
        }};
    std::vector<shard::PredictionLog> logs;
    for (const shard::StoredBlock& block : blocks) {
      if (!shard::needs_model(block.header.codec)) continue;
      logs.emplace_back(writer, block.header.id, shard::decoding_identity(archive_.header(), block.header),
                        block.header.raw_bytes);
    }
    return logs;
  }

  void write(const shard::BlockHeader& block, const Bytes& raw) {
    std::vector<ByteSpan> pieces;
    for (const shard::Selection::Piece& piece : selection_.pieces(block.id)) {
      pieces.push_back(ByteSpan(raw).subspan(piece.block_offset, piece.size_bytes));
      // The staging directory is private and holds no links yet.
      File file = File::open_for_update(staging_ / shard::kTreeName / archive_.entries()[piece.entry].path);
      file.write_at(piece.file_offset, pieces.back());
      file.close();
    }
    const shard::Hash16 hash = shard::restored_hash(block, pieces);
    const std::scoped_lock lock(journal_mutex_);
    if (!journal_) journal_.emplace(staging_, run_, rank_);
    journal_->add(block.id, hash);
  }

  std::filesystem::path target_;
  shard::Selection selection_;
  WriteGate gate_;
  std::filesystem::path staging_;
  std::uint64_t run_ = 0;
  Rank rank_{};
  std::mutex journal_mutex_;
  std::optional<shard::RestoreJournalWriter> journal_;
};

class PrintTask final : public DecodeTask {
 public:
  PrintTask(PrintSettings settings, Resources resources)
      : DecodeTask(settings.archive, std::move(resources)),
        selection_(archive_, settings.patterns),
        write_(std::move(settings.write)) {}

  /// Does not wait for a write: its reader may be asleep.
  void abandon() override { is_abandoned_ = true; }

 private:
  void use(std::span<const shard::StoredBlock> blocks, std::span<const Bytes> raws) override {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      for (const shard::Selection::Piece& piece : selection_.pieces(blocks[i].header.id)) {
        if (is_abandoned_) return;
        write_(ByteSpan(raws[i]).subspan(piece.block_offset, piece.size_bytes));
      }
    }
  }

  shard::Selection selection_;
  std::function<void(ByteSpan)> write_;
  std::atomic<bool> is_abandoned_ = false;
};

class VerifyTask final : public DecodeTask {
 public:
  using DecodeTask::DecodeTask;

 private:
  void use(std::span<const shard::StoredBlock>, std::span<const Bytes>) override {}  // decoding has compared the hashes
};

}  // namespace

std::unique_ptr<Task> make_restore_task(RestoreSettings settings, Resources resources) {
  return std::make_unique<RestoreTask>(std::move(settings), std::move(resources));
}

std::unique_ptr<Task> make_print_task(PrintSettings settings, Resources resources) {
  return std::make_unique<PrintTask>(std::move(settings), std::move(resources));
}

std::unique_ptr<Task> make_verify_task(std::filesystem::path archive, Resources resources) {
  return std::make_unique<VerifyTask>(std::move(archive), std::move(resources));
}

}  // namespace fz::worker
