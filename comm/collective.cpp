#include "comm/collective.h"

namespace fz::comm {
namespace {

class CollectiveOfOne final : public Collective {
 public:
  int rank() const override { return 0; }
  int ranks() const override { return 1; }
  void sum(std::span<float>) override {}
  void broadcast(Bytes&) override {}
};

}  // namespace

std::unique_ptr<Collective> make_collective_of_one() {
  return std::make_unique<CollectiveOfOne>();
}

}  // namespace fz::comm
