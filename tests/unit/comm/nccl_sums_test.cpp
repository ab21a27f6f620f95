// Sums over GPUs, with a library in NCCL's place whose ranks are threads and whose GPU is this process's memory: what
// is asked of NCCL, in which order, and what becomes of its failures. Then with NCCL itself, on a GPU if there is one.
#ifdef FZ_HAS_NCCL
#include "comm/nccl_sums.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "support/expect_error.h"
#include "support/in_process_collective.h"

namespace fz::comm {
namespace {

/// NCCL's part, for a test that makes a new one first. Non-blocking as NCCL is: nothing is done when a call returns.
struct FakeWorld {
  std::mutex mutex;
  int ranks = 0;
  int joined = 0;
  int made = 0, destroyed = 0, aborted = 0;
  bool is_broken = false;  ///< An abort somewhere is an error everywhere.

  // What goes wrong, and on which rank.
  int fails_to_join = -1;
  int never_joins = -1;
  int fails_to_sum = -1;
  int never_sums = -1;
  bool has_no_id = false;
  bool shares_a_gpu = false;

  struct Sum {
    std::vector<float> values;
    std::vector<float*> places;
  };
  std::map<int, Sum> sums;  ///< By their number.
};
FakeWorld* world = nullptr;

struct FakeCommunicator {
  int rank;
  int sums = 0;
};
/// A rank is a thread, and so are its GPU and its stream.
thread_local FakeCommunicator* own = nullptr;
thread_local int own_gpu = -1;

constexpr char kId[] = "the id of this world";

FakeCommunicator* fake(ncclComm_t communicator) {
  return reinterpret_cast<FakeCommunicator*>(communicator);
}

ncclResult_t get_unique_id(ncclUniqueId* id) {
  std::memset(id, 0, sizeof *id);
  std::memcpy(id, kId, sizeof kId);
  return world->has_no_id ? ncclSystemError : ncclSuccess;
}

ncclResult_t init_rank(ncclComm_t* communicator, int ranks, ncclUniqueId id, int rank, ncclConfig_t* config) {
  const std::lock_guard lock(world->mutex);
  EXPECT_EQ(config->blocking, 0);
  EXPECT_STREQ(id.internal, kId);
  EXPECT_EQ(own_gpu, rank) << "the GPU is set before";
  if (rank == world->fails_to_join) return ncclSystemError;
  world->ranks = ranks;
  if (rank != world->never_joins) ++world->joined;
  ++world->made;
  own = new FakeCommunicator{rank};
  *communicator = reinterpret_cast<ncclComm_t>(own);
  return ncclInProgress;
}

ncclResult_t get_async_error(ncclComm_t, ncclResult_t* state) {
  const std::lock_guard lock(world->mutex);
  *state = world->is_broken ? ncclRemoteError : world->joined < world->ranks ? ncclInProgress : ncclSuccess;
  return ncclSuccess;
}

ncclResult_t all_reduce(const void* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t operation,
                        ncclComm_t communicator, cudaStream_t stream) {
  const std::lock_guard lock(world->mutex);
  EXPECT_EQ(from, to);
  EXPECT_EQ(type, ncclFloat);
  EXPECT_EQ(operation, ncclSum);
  EXPECT_EQ(stream, nullptr);
  FakeCommunicator& self = *fake(communicator);
  if (self.rank == world->fails_to_sum) return ncclUnhandledCudaError;
  FakeWorld::Sum& sum = world->sums[self.sums++];
  if (self.rank == world->never_sums) return ncclInProgress;
  auto* const values = static_cast<float*>(to);
  sum.values.resize(count);
  for (std::size_t i = 0; i < count; ++i) sum.values[i] += values[i];
  sum.places.push_back(values);
  if (static_cast<int>(sum.places.size()) == world->ranks) {
    for (float* const place : sum.places) std::copy(sum.values.begin(), sum.values.end(), place);
  }
  return ncclInProgress;
}

cudaError_t query_stream(cudaStream_t) {
  const std::lock_guard lock(world->mutex);
  const FakeWorld::Sum& sum = world->sums[own->sums - 1];
  return static_cast<int>(sum.places.size()) == world->ranks ? cudaSuccess : cudaErrorNotReady;
}

ncclResult_t finalize(ncclComm_t) {
  return ncclInProgress;
}
ncclResult_t destroy(ncclComm_t communicator) {
  const std::lock_guard lock(world->mutex);
  ++world->destroyed;
  delete fake(communicator);
  return ncclSuccess;
}
ncclResult_t abort_communicator(ncclComm_t communicator) {
  const std::lock_guard lock(world->mutex);
  ++world->aborted;
  world->is_broken = true;
  delete fake(communicator);
  return ncclSuccess;
}
const char* error_string(ncclResult_t) {
  return "a fake error";
}
cudaError_t set_device(int gpu) {
  own_gpu = gpu;
  return cudaSuccess;
}
cudaError_t get_pci_bus_id(char* name, int size_bytes, int gpu) {
  std::snprintf(name, static_cast<std::size_t>(size_bytes), "0000:%02x:00.0", world->shares_a_gpu ? 0 : gpu);
  return cudaSuccess;
}

constexpr NcclLibrary kFakeNccl = {get_unique_id, init_rank,      get_async_error,    all_reduce,
                                   finalize,      destroy,        abort_communicator, error_string,
                                   set_device,    get_pci_bus_id, query_stream};

class NcclSumsTest : public testing::Test {
 protected:
  NcclSumsTest() { world = &world_; }
  ~NcclSumsTest() override {
    EXPECT_EQ(world_.destroyed + world_.aborted, world_.made);
    world = nullptr;
  }

  /// On each rank of three: connects, and sums so many times; the number of ranks that were connected.
  int connect_and_sum(int times, std::vector<std::optional<Error>>& errors, bool has_nccl = true) {
    std::atomic<int> connected = 0;
    const auto work = [&](Collective& collective) {
      const int rank = collective.rank();
      const auto sums = connect_gpus_with(has_nccl || rank != 1 ? &kFakeNccl : nullptr, collective, rank);
      connected += sums != nullptr;
      for (int time = 0; sums && time < times; ++time) {
        std::vector<float> values(5, static_cast<float>(rank + 1 + 10 * time));
        sums->sum(values.data(), values.size());
        EXPECT_EQ(values, std::vector<float>(5, static_cast<float>(6 + 30 * time)));
      }
      if (!sums) {  // the ranks are still in step
        std::vector<float> values = {1};
        collective.sum(values);
        EXPECT_EQ(values[0], 3);
      }
    };
    errors = test::on_ranks(3, work, patience_);
    return connected;
  }
  static void expect_no_errors(const std::vector<std::optional<Error>>& errors) {
    for (const std::optional<Error>& error : errors) EXPECT_FALSE(error.has_value()) << error->what();
  }

  void expect_not_used(bool has_nccl = true) {
    std::vector<std::optional<Error>> errors;
    EXPECT_EQ(connect_and_sum(1, errors, has_nccl), 0);
    expect_no_errors(errors);
  }

  FakeWorld world_;
  /// Where a test waits for it to pass, it is short; elsewhere nobody waits so long.
  std::chrono::seconds patience_ = std::chrono::seconds(60);
  static constexpr std::chrono::seconds kShortPatience{4};
};

TEST_F(NcclSumsTest, AddsTheNumbersOfAllRanks) {
  std::vector<std::optional<Error>> errors;
  EXPECT_EQ(connect_and_sum(4, errors), 3);
  expect_no_errors(errors);
  EXPECT_EQ(world_.sums.size(), 4u);
  EXPECT_EQ(world_.destroyed, 3);
}

TEST_F(NcclSumsTest, IsNotUsedWhenARankHasNoNccl) {
  expect_not_used(false);
  EXPECT_EQ(world_.made, 0);
}

TEST_F(NcclSumsTest, IsNotUsedWhenRanksShareAGpu) {
  world_.shares_a_gpu = true;
  expect_not_used();
  EXPECT_EQ(world_.made, 0);
}

TEST_F(NcclSumsTest, IsNotUsedWithoutAnId) {
  world_.has_no_id = true;
  expect_not_used();
}

TEST_F(NcclSumsTest, IsNotUsedOnAnyRankWhenOneCannotJoin) {
  world_.fails_to_join = 2;
  patience_ = kShortPatience;
  expect_not_used();
  EXPECT_EQ(world_.aborted, 2);  // the others waited for it, not for ever
}

TEST_F(NcclSumsTest, IsNotUsedWhenJoiningTakesTooLong) {
  world_.never_joins = 0;
  patience_ = kShortPatience;
  expect_not_used();
  EXPECT_EQ(world_.aborted, 3);
}

TEST_F(NcclSumsTest, AFailureOnOneRankIsAnErrorOnAll) {
  world_.fails_to_sum = 1;
  std::vector<std::optional<Error>> errors;
  EXPECT_EQ(connect_and_sum(1, errors), 3);
  for (const std::optional<Error>& error : errors) {
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code(), ErrorCode::kLaunch);
    EXPECT_NE(std::string(error->what()).find("NCCL: a fake error"), std::string::npos) << error->what();
  }
  EXPECT_EQ(world_.aborted, 3);
}

TEST_F(NcclSumsTest, ARankThatHangsIsAnErrorAndNotAHang) {
  world_.never_sums = 2;
  patience_ = kShortPatience;
  std::vector<std::optional<Error>> errors;
  EXPECT_EQ(connect_and_sum(1, errors), 3);
  for (const std::optional<Error>& error : errors) {
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code(), ErrorCode::kLaunch);
  }
  EXPECT_EQ(world_.aborted, 3);
}

/// With NCCL and CUDA as they are here: one rank, as NCCL wants a GPU for each.
TEST(NcclOnAGpu, SumsWithItself) {
  NcclLibrary nccl;
  try {
    nccl = open_nccl();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  char bus[64];
  if (nccl.get_pci_bus_id(bus, sizeof bus, 0) != cudaSuccess) GTEST_SKIP() << "no GPU";
  const std::unique_ptr<Collective> alone = make_collective_of_one();
  const std::unique_ptr<GpuSums> sums = connect_gpus_with(&nccl, *alone, 0);
  ASSERT_NE(sums, nullptr);
  void* const cuda = ::dlopen(("libcudart.so." + std::to_string(CUDART_VERSION / 1000)).c_str(), RTLD_NOW);
  ASSERT_NE(cuda, nullptr);
  const auto allocate = reinterpret_cast<cudaError_t (*)(void**, std::size_t)>(::dlsym(cuda, "cudaMalloc"));
  const auto copy =
      reinterpret_cast<cudaError_t (*)(void*, const void*, std::size_t, cudaMemcpyKind)>(::dlsym(cuda, "cudaMemcpy"));
  std::vector<float> values(1 << 20, 2.5f);
  const std::size_t size_bytes = values.size() * sizeof(float);
  void* on_gpu = nullptr;
  ASSERT_EQ(allocate(&on_gpu, size_bytes), cudaSuccess);
  ASSERT_EQ(copy(on_gpu, values.data(), size_bytes, cudaMemcpyHostToDevice), cudaSuccess);
  for (int time = 0; time < 3; ++time) sums->sum(static_cast<float*>(on_gpu), values.size());
  ASSERT_EQ(copy(values.data(), on_gpu, size_bytes, cudaMemcpyDeviceToHost), cudaSuccess);
  for (const float value : values) ASSERT_EQ(value, 2.5f);
}

}  // namespace
}  // namespace fz::comm
#endif
