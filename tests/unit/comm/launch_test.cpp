#include "comm/launch.h"

#include <gtest/gtest.h>

#include <map>

#include "support/expect_error.h"

namespace fz::comm {
namespace {

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
}

TEST(Launch, PlainCommandIsAlone) {
  const Environment plain = environment_of({{"SLURM_JOB_ID", "5"}, {"SLURM_NTASKS", "4"}});
  EXPECT_EQ(launch_kind(plain), LaunchKind::kAlone);
  refuse_separate_worlds(1, plain);  // the batch script's own shell: no step
}

TEST(Launch, LaunchersAreSeen) {
  EXPECT_EQ(launch_kind(environment_of({{"OMPI_COMM_WORLD_SIZE", "1"}})), LaunchKind::kDistributed);
  EXPECT_EQ(launch_kind(environment_of({{"PMIX_RANK", "0"}})), LaunchKind::kDistributed);
}

TEST(Launch, SeparateWorldsAreRefused) {
  const Environment step = environment_of({{"SLURM_STEP_NUM_TASKS", "4"}});
  test::expect_error(ErrorCode::kLaunch, "--mpi=pmix", [&] { refuse_separate_worlds(1, step); });
  refuse_separate_worlds(4, step);
  refuse_separate_worlds(1, environment_of({{"SLURM_STEP_NUM_TASKS", "1"}}));
}

TEST(Launch, OneProcessOfAStepSpeaks) {
  EXPECT_TRUE(speaks_for_launch(environment_of({})));
  EXPECT_TRUE(speaks_for_launch(environment_of({{"SLURM_PROCID", "0"}})));
  EXPECT_FALSE(speaks_for_launch(environment_of({{"SLURM_PROCID", "3"}})));
}

TEST(Launch, MpirunInsideSlurmCountsItself) {
  // mpirun's daemons are a step of one task a node; the ranks inherit that variable.
  refuse_separate_worlds(1, environment_of({{"SLURM_STEP_NUM_TASKS", "4"}, {"OMPI_COMM_WORLD_SIZE", "1"}}));
}

}  // namespace
}  // namespace fz::comm
