#include "coordinator/restore_job.h"

#include <algorithm>

#include "shard/prediction_log.h"

namespace fz::coordinator {

std::vector<WorkItem> block_items(const shard::ArchiveReader& archive, const std::vector<BlockId>& blocks) {
  std::vector<WorkItem> items;
  for (const BlockId block : blocks)
    items.push_back({block, !shard::needs_model(archive.blocks()[number(block)].codec)});
  // The slow ones first: then ranks finish together.
  std::stable_sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.is_cheap < b.is_cheap; });
  return items;
}

RestoreJob::RestoreJob(const RestoreRequest& request)
    : request_(request), archive_(request.archive), selection_(archive_, request.patterns) {}

/// The archive's ends name its table and index by hash; what the blocks hold, each block's own hash says when it is
/// found again.
Hash RestoreJob::identity() const {
  Hasher hasher;
  hasher.update(shard::serialize_header(archive_.header()));
  hasher.update(shard::serialize_footer(archive_.footer()));
  ByteWriter selected;
  for (const std::size_t i : selection_.entries()) selected.write(static_cast<std::uint64_t>(i));
  hasher.update(selected.bytes());
  return hasher.finish();
}

void RestoreJob::prepare(ThreadPool& pool, const ShowCheck& show) {
  RestoreTargetOptions options{.force = request_.force, .resume = request_.resume, .identity = identity()};
  std::vector<const shard::FileEntry*> entries;
  for (const std::size_t i : selection_.entries()) {
    entries.push_back(&archive_.entries()[i]);
    if (selection_.is_mere_parent(i)) options.mere_parents.insert(entries.back());
  }
  target_ = std::make_unique<RestoreTarget>(request_.target, std::move(entries), options);
  target_->prepare();
  const StagingDirectory& staging = target_->staging();
  const shard::RestoreClaims claims = shard::read_restore_journals(staging.path());
  run_ = claims.runs + 1;
  if (!staging.is_adopted() || is_complete()) return;
  staging.lock().sync_filesystem();  // what is not on the disk yet cannot be read from there
  reused_ = find_restored_blocks(archive_, selection_, staging.tree(), claims, pool, show);
}

std::vector<WorkItem> RestoreJob::items() const {
  if (is_complete()) return {};
  std::vector<BlockId> open;
  for (const BlockId block : selection_.blocks()) {
    if (!reused_.contains(block)) open.push_back(block);
  }
  return block_items(archive_, open);
}

void RestoreJob::abandon() noexcept {
  if (target_) target_->abandon();
}

}  // namespace fz::coordinator
