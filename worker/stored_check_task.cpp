// The task of checking stored bytes: structure and checks of each block, without decoding; so at the speed of reading.
#include "base/log.h"
#include "base/profile.h"
#include "shard/archive_reader.h"
#include "worker/tasks.h"

namespace fz::worker {
namespace {

/// Of each thread, so that asking for work does not cost more than doing it.
constexpr std::uint32_t kBlocksOfThread = 4;

class StoredCheckTask final : public Task {
 public:
  StoredCheckTask(const std::filesystem::path& archive, Resources resources)
      : archive_(archive), resources_(std::move(resources)) {}

  void begin(const comm::Begin&, Rank) override { archive_.read_adapter(); }

  comm::Ready ready() override {
    comm::Ready ready;
    ready.cheap_blocks = kBlocksOfThread * static_cast<std::uint32_t>(resources_.pool->threads());
    return ready;
  }

  void process(std::span<const BlockId> blocks, const Report& report) override {
    log_line(LogLevel::kDebug, "checks {} blocks from block {}", blocks.size(), number(blocks.front()));
    resources_.pool->parallel_for(blocks.size(), [&](std::size_t i, int) {
      const StageScope stage(Stage::kInputOutput);
      if (number(blocks[i]) >= archive_.blocks().size()) fail(ErrorCode::kLaunch, "worker: asked for an unknown block");
      archive_.read_block(blocks[i]);
    });
    for (const BlockId block : blocks) report({block, 0, 0});
  }

 private:
  const shard::ArchiveReader archive_;
  Resources resources_;
};

}  // namespace

std::unique_ptr<Task> make_stored_check_task(std::filesystem::path archive, Resources resources) {
  return std::make_unique<StoredCheckTask>(archive, std::move(resources));
}

}  // namespace fz::worker
