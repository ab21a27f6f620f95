#include "comm/launch.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/error.h"
#include "base/machine.h"

namespace fz::comm {
namespace {

class WorldOfOne final : public World {
 public:
  Rank rank() const override { return Rank{0}; }
  int size() const override { return 1; }
  int default_threads() const override {
    const CoreMask mask = allowed_cores();
    return fair_threads({&mask, 1}, 0);
  }
  CoordinatorLink& coordinator_link(CoordinatorLink& local) override { return local; }
  WorkerLink& worker_link() override {
    FZ_CHECK(false && "a world of one has no other ranks");
    std::abort();
  }
  void abort_all(int) override {}
  void leave() override {}
};

}  // namespace

std::string process_environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

LaunchKind launch_kind(const Environment& environment) {
  // Set for every rank by Open MPI's mpirun, by PMIx (srun --mpi=pmix) and by PMI-1/2 launchers.
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMIX_NAMESPACE", "PMI_RANK", "PMI_SIZE"}) {
    if (!environment(name).empty()) return LaunchKind::kDistributed;
  }
  return LaunchKind::kAlone;
}

int announced_ranks(const Environment& environment) {
  // mpirun's own word counts alone: inside a Slurm job its daemons are a Slurm step too, whose size is the number of
  // nodes.
  if (const std::string ranks = environment("OMPI_COMM_WORLD_SIZE"); !ranks.empty())
    return std::max(1, std::atoi(ranks.c_str()));
  int ranks = 1;
  for (const char* name : {"SLURM_STEP_NUM_TASKS", "PMI_SIZE"})
    ranks = std::max(ranks, std::atoi(environment(name).c_str()));
  return ranks;
}

void refuse_separate_worlds(int world_size, const Environment& environment) {
  const int announced = announced_ranks(environment);
  if (world_size == 1 && announced > 1) {
    fail(ErrorCode::kLaunch,
         "launch: {} processes were started, but each is alone in its world and would do the same work; use srun "
         "--mpi=pmix, or mpirun",
         announced);
  }
}

bool speaks_for_launch(const Environment& environment) {
  const std::string process = environment("SLURM_PROCID");
  return process.empty() || process == "0";
}

std::unique_ptr<World> make_world_of_one() {
  return std::make_unique<WorldOfOne>();
}

}  // namespace fz::comm
