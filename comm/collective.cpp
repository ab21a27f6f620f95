#include "comm/collective.h"

#include "base/error.h"

namespace fz::comm {
namespace {

/// Nobody is waited for; a GPU may hang.
constexpr double kTimeoutSeconds = 60;

class CollectiveOfOne final : public Collective {
 public:
  int rank() const override { return 0; }
  int ranks() const override { return 1; }
  double timeout_seconds() const override { return kTimeoutSeconds; }
  void sum(std::span<float>) override {}
  void broadcast(Bytes&) override {}
};

}  // namespace

std::unique_ptr<Collective> make_collective_of_one() {
  return std::make_unique<CollectiveOfOne>();
}

void fail_for_lost_rank(const Collective& collective) {
  fail(
      ErrorCode::kLaunch,
      "rank {}: not all ranks took part in the training within {:.0f} s: one was lost or hangs; the same command tries "
      "again",
      collective.rank(), collective.timeout_seconds());
}

}  // namespace fz::comm
