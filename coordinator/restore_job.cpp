#include "coordinator/restore_job.h"

#include <algorithm>

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

void RestoreJob::prepare() {
  std::vector<const shard::FileEntry*> entries;
  for (const std::size_t i : selection_.entries()) entries.push_back(&archive_.entries()[i]);
  target_ = std::make_unique<RestoreTarget>(request_.target, std::move(entries), request_.force);
  target_->prepare();
}

void RestoreJob::abandon() noexcept {
  if (target_) target_->abandon();
}

}  // namespace fz::coordinator
