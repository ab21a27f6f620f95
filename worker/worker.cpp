#include "worker/worker.h"

#include "base/error.h"
#include "base/profile.h"

namespace fz::worker {
namespace {

void pull_blocks(comm::WorkerLink& link, Task& task) {
  while (auto message = link.receive()) {
    if (const auto* begin = std::get_if<comm::Begin>(&*message)) {
      task.begin(*begin, link.rank());
    } else if (const auto* assign = std::get_if<comm::Assign>(&*message)) {
      const StageScope stage(Stage::kOther);
      task.process(assign->blocks, [&](const comm::BlockDone& done) { link.send(done); });
    } else if (std::holds_alternative<comm::Stop>(*message)) {
      task.finish();
      link.send(comm::Finished{});
      return;
    } else if (std::holds_alternative<comm::Alive>(*message)) {
      continue;
    } else {
      fail(ErrorCode::kLaunch, "rank {}: unexpected message; do all ranks run the same fz-dist?", number(link.rank()));
    }
    link.send(task.ready());
  }
}

}  // namespace

bool run_worker(comm::WorkerLink& link, Task& task) {
  try {
    pull_blocks(link, task);
    return true;
  } catch (const Error& error) {
    link.send(comm::Failed{static_cast<std::uint32_t>(error.exit_code()), error.what()});
  } catch (const std::exception& error) {
    link.send(comm::Failed{1, fmt::format("rank {}: unexpected error: {}", number(link.rank()), error.what())});
  }
  return false;
}

}  // namespace fz::worker
