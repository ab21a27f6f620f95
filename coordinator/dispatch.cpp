#include "coordinator/dispatch.h"

#include "base/error.h"

namespace fz::coordinator {
namespace {

constexpr std::chrono::milliseconds kIdlePeriod(100);

void send_all(comm::CoordinatorLink& link, const std::vector<Outgoing>& outgoing) {
  for (const Outgoing& item : outgoing) link.send(item.to, item.message);
}

}  // namespace

void dispatch(Scheduler& scheduler, comm::CoordinatorLink& link, const comm::Begin& begin, const DispatchHooks& hooks) {
  for (int rank = 0; rank < link.workers(); ++rank) link.send(Rank(static_cast<std::uint32_t>(rank)), begin);
  while (!scheduler.finished()) {
    // Whatever has arrived is taken together, so that one sync of the journal serves all of it.
    std::vector<std::pair<Rank, comm::BlockDone>> done;
    std::vector<std::pair<Rank, comm::Ready>> ready;
    bool arrived = false;
    while (auto incoming = link.try_receive()) {
      arrived = true;
      const Rank from = incoming->from;
      if (const auto* block = std::get_if<comm::BlockDone>(&incoming->message)) {
        done.emplace_back(from, *block);
      } else if (const auto* wish = std::get_if<comm::Ready>(&incoming->message)) {
        ready.emplace_back(from, *wish);
      } else if (std::holds_alternative<comm::Finished>(incoming->message)) {
        scheduler.on_finished(from);
      } else if (const auto* failed = std::get_if<comm::Failed>(&incoming->message)) {
        throw Error(static_cast<ErrorCode>(failed->exit_code), failed->message);
      } else {
        fail(ErrorCode::kLaunch, "rank {}: unexpected message; do all ranks run the same fz-dist?", number(from));
      }
    }
    if (!done.empty()) {
      hooks.commit(done);
      for (const auto& [rank, block] : done) scheduler.on_block_done(rank, block.block);
      send_all(link, scheduler.after_done());
    }
    for (const auto& [rank, wish] : ready) send_all(link, scheduler.on_ready(rank, wish));
    hooks.idle();
    if (!arrived) link.wait(kIdlePeriod);
  }
}

}  // namespace fz::coordinator
