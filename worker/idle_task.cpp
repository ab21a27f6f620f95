// The task of a rank that has nothing to do: it waits for the end with the others.
#include "base/error.h"
#include "worker/tasks.h"

namespace fz::worker {
namespace {

class IdleTask final : public Task {
 public:
  void begin(const comm::Begin&, Rank) override {}
  comm::Ready ready() override { return {}; }
  void process(std::span<const BlockId>, const Report&) override { FZ_CHECK(false && "an idle task gets no blocks"); }
};

}  // namespace

std::unique_ptr<Task> make_idle_task() {
  return std::make_unique<IdleTask>();
}

}  // namespace fz::worker
