// Restoring and checking: both decode blocks; only what happens to the raw bytes differs.
#include <algorithm>

#include "base/file.h"
#include "shard/archive_reader.h"
#include "shard/block_codec.h"
#include "shard/selection.h"
#include "worker/tasks.h"

namespace fz::worker {
namespace {

constexpr std::uint64_t kMaxBatchBytes = std::uint64_t{256} << 20;

class DecodeTask : public Task {
 public:
  DecodeTask(const std::filesystem::path& archive, Resources resources)
      : archive_(archive), resources_(std::move(resources)) {}

  std::uint32_t capacity() const override {
    const std::uint64_t fit = kMaxBatchBytes / archive_.header().block_bytes;
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(fit, 1, static_cast<std::uint64_t>(resources_.pool->threads())));
  }

  void process(std::span<const BlockId> blocks, const Report& report) override {
    const auto run = [&](std::size_t i) {
      if (number(blocks[i]) >= archive_.blocks().size()) fail(ErrorCode::kLaunch, "worker: asked for an unknown block");
      const shard::StoredBlock stored = archive_.read_block(blocks[i]);
      shard::TextCodec* const text = shard::needs_model(stored.header.codec) ? &text_codec() : nullptr;
      use(blocks[i], shard::decode_block(stored.header, stored.payload, text, archive_.name()));
    };
    if (blocks.size() == 1) {
      run(0);  // not inside the pool: the text codec uses the pool itself
    } else {
      resources_.pool->parallel_for(blocks.size(), [&](std::size_t i, int) { run(i); });
    }
    for (const BlockId block : blocks) report({block, 0, 0});
  }

 protected:
  /// May be called by several threads at once, for different blocks.
  virtual void use(BlockId block, const Bytes& raw) = 0;

  const shard::ArchiveReader archive_;

 private:
  shard::TextCodec& text_codec() {
    if (!text_) {
      text_ = resources_.make_text_codec();
      shard::require_model(archive_, text_->identity());
    }
    return *text_;
  }

  Resources resources_;
  std::unique_ptr<shard::TextCodec> text_;
};

class RestoreTask final : public DecodeTask {
 public:
  RestoreTask(RestoreSettings settings, Resources resources)
      : DecodeTask(settings.archive, std::move(resources)),
        target_(std::move(settings.target)),
        selection_(archive_, settings.patterns) {}

  void begin(const comm::Begin& begin, Rank) override { staging_ = target_ / begin.staging; }

  void finish() override { File::open_for_reading(staging_).sync_filesystem(); }

 private:
  void use(BlockId block, const Bytes& raw) override {
    for (const shard::Selection::Piece& piece : selection_.pieces(block)) {
      // The staging directory is private and holds no links yet.
      File file = File::open_for_update(staging_ / archive_.entries()[piece.entry].path);
      file.write_at(piece.file_offset, ByteSpan(raw).subspan(piece.block_offset, piece.size_bytes));
      file.close();
    }
  }

  std::filesystem::path target_;
  shard::Selection selection_;
  std::filesystem::path staging_;
};

class VerifyTask final : public DecodeTask {
 public:
  using DecodeTask::DecodeTask;
  void begin(const comm::Begin&, Rank) override {}

 private:
  void use(BlockId, const Bytes&) override {}  // decoding has compared the hash
};

}  // namespace

std::unique_ptr<Task> make_restore_task(RestoreSettings settings, Resources resources) {
  return std::make_unique<RestoreTask>(std::move(settings), std::move(resources));
}

std::unique_ptr<Task> make_verify_task(std::filesystem::path archive, Resources resources) {
  return std::make_unique<VerifyTask>(std::move(archive), std::move(resources));
}

}  // namespace fz::worker
