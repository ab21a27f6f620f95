#include "comm/nccl_sums.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "comm/polling.h"

namespace fz::comm {
namespace {

/// LibTorch works on it unless told otherwise, and nobody tells it.
constexpr cudaStream_t kDefaultStream = nullptr;
/// How long the end may take, when nothing more is waited for.
constexpr double kEndSeconds = 5;
/// Of the timeout, for the beginning: ranks that fail at once wait for the others to have failed too.
constexpr double kBeginPart = 0.5;

/// A communicator that never blocks: everything is polled against the timeout of the collective.
class NcclSums final : public GpuSums {
 public:
  NcclSums(const NcclLibrary& nccl, const Collective& collective, const ncclUniqueId& id, int gpu)
      : nccl_(nccl), collective_(collective) {
    if (nccl_.set_device(gpu) != cudaSuccess)
      fail(ErrorCode::kUnsupported, "rank {}: GPU {} cannot be used", collective_.rank(), gpu);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    guarded([&] {
      require(nccl_.init_rank(&communicator_, collective_.ranks(), id, collective_.rank(), &config));
      wait_until_ready(kBeginPart * collective_.timeout_seconds());
    });
  }

  ~NcclSums() override {
    if (communicator_ == nullptr) return;
    bool has_failed = is_failure(nccl_.finalize(communicator_));
    const bool has_ended = !has_failed && poll_until(kEndSeconds, [&] {
      const ncclResult_t state = asynchronous_state();
      has_failed = is_failure(state);
      return state != ncclInProgress;
    });
    if (has_ended && !has_failed) {
      nccl_.destroy(communicator_);
    } else {
      nccl_.abort(communicator_);
    }
  }

  void sum(float* values, std::size_t count) override {
    if (communicator_ == nullptr) fail_for_lost_rank(collective_);
    guarded([&] {
      require(nccl_.all_reduce(values, values, count, ncclFloat, ncclSum, communicator_, kDefaultStream));
      wait_until_ready(collective_.timeout_seconds());
      wait_for(collective_.timeout_seconds(), [&] {
        const cudaError_t state = nccl_.query_stream(kDefaultStream);
        if (state != cudaSuccess && state != cudaErrorNotReady)
          fail(ErrorCode::kLaunch, "rank {}: CUDA: a sum over ranks failed (code {})", collective_.rank(),
               static_cast<int>(state));
        require(asynchronous_state());  // a lost rank is known here before the stream ends
        return state == cudaSuccess;
      });
    });
  }

 private:
  static bool is_failure(ncclResult_t state) { return state != ncclSuccess && state != ncclInProgress; }

  /// Whatever goes wrong ends the communicator at once: the others then see it too, and need not wait.
  template <typename Work>
  void guarded(const Work& work) {
    try {
      work();
    } catch (...) {
      if (communicator_ != nullptr) nccl_.abort(communicator_);
      communicator_ = nullptr;
      throw;
    }
  }

  ncclResult_t asynchronous_state() const {
    ncclResult_t state = ncclInternalError;
    const ncclResult_t asked = nccl_.get_async_error(communicator_, &state);
    return asked == ncclSuccess ? state : asked;
  }

  void require(ncclResult_t state) const {
    if (is_failure(state))
      fail(ErrorCode::kLaunch, "rank {}: NCCL: {}; the same command tries again", collective_.rank(),
           nccl_.error_string(state));
  }

  void wait_until_ready(double timeout_seconds) {
    wait_for(timeout_seconds, [&] {
      const ncclResult_t state = asynchronous_state();
      require(state);
      return state == ncclSuccess;
    });
  }

  template <typename IsDone>
  void wait_for(double timeout_seconds, const IsDone& is_done) {
    if (!poll_until(timeout_seconds, is_done)) fail_for_lost_rank(collective_);
  }

  const NcclLibrary& nccl_;
  const Collective& collective_;
  ncclComm_t communicator_ = nullptr;
};

/// Which GPU of which machine it is, in numbers that are exact as floats; all above 0.
constexpr std::size_t kIdentityNumbers = 3;
using GpuIdentity = std::array<float, kIdentityNumbers>;
GpuIdentity identity_of(const NcclLibrary& nccl, int gpu) {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  char bus[64] = "";
  if (nccl.get_pci_bus_id(bus, sizeof bus, gpu) != cudaSuccess) return {};
  const std::string name = std::string(host) + " " + bus;
  const Hash hash = hash_bytes(as_byte_span(name));
  GpuIdentity identity;
  for (std::size_t i = 0; i < kIdentityNumbers; ++i)
    identity[i] = 1.0f + static_cast<float>(hash[2 * i] * 256 + hash[2 * i + 1]);
  return identity;
}

/// Whether each rank has a GPU that no other has. NCCL refuses to connect a GPU with itself.
bool has_each_its_own(const NcclLibrary* nccl, Collective& collective, std::optional<int> gpu) {
  std::vector<float> identities(static_cast<std::size_t>(collective.ranks()) * kIdentityNumbers);
  if (nccl != nullptr && gpu) {
    const GpuIdentity own = identity_of(*nccl, *gpu);
    std::copy(own.begin(), own.end(), identities.begin() + collective.rank() * std::ptrdiff_t{kIdentityNumbers});
  }
  collective.sum(identities);
  std::set<GpuIdentity> known;
  for (std::size_t i = 0; i < identities.size(); i += kIdentityNumbers) {
    GpuIdentity identity;
    std::copy_n(identities.begin() + static_cast<std::ptrdiff_t>(i), kIdentityNumbers, identity.begin());
    if (identity == GpuIdentity{} || !known.insert(identity).second) return false;
  }
  return true;
}

/// Rank 0's, on all ranks; nothing when NCCL has none to give.
std::optional<ncclUniqueId> common_id(const NcclLibrary& nccl, Collective& collective) {
  ncclUniqueId id;
  Bytes bytes;
  if (collective.rank() == 0 && nccl.get_unique_id(&id) == ncclSuccess) {
    const auto* const first = reinterpret_cast<const std::uint8_t*>(&id);
    bytes.assign(first, first + sizeof id);
  }
  collective.broadcast(bytes);
  if (bytes.size() != sizeof id) return std::nullopt;
  std::memcpy(&id, bytes.data(), sizeof id);
  return id;
}

}  // namespace

std::unique_ptr<GpuSums> connect_gpus_with(const NcclLibrary* nccl, Collective& collective, std::optional<int> gpu) {
  if (!has_each_its_own(nccl, collective, gpu)) {
    log_line(LogLevel::kInfo, "training: not each rank has a GPU of its own: sums go through memory");
    return nullptr;
  }
  const std::optional<ncclUniqueId> id = common_id(*nccl, collective);
  std::unique_ptr<GpuSums> sums;
  try {
    if (id) sums = std::make_unique<NcclSums>(*nccl, collective, *id, *gpu);
  } catch (const Error& error) {
    log_line(LogLevel::kWarning, "training: {}", error.what());
  }
  std::array<float, 1> failed = {sums ? 0.0f : 1.0f};
  collective.sum(failed);
  if (failed[0] == 0) return sums;
  log_line(LogLevel::kWarning, "training: NCCL does not connect the GPUs: sums go through memory");
  return nullptr;
}

std::unique_ptr<GpuSums> connect_gpus(Collective& collective, std::optional<int> gpu) {
  static std::optional<NcclLibrary> nccl;
  try {
    if (gpu && !nccl) nccl = open_nccl();
  } catch (const Error& error) {
    log_line(LogLevel::kWarning, "training: {}", error.what());
  }
  return connect_gpus_with(nccl ? &*nccl : nullptr, collective, gpu);
}

}  // namespace fz::comm
