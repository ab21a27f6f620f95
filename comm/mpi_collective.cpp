#include "comm/mpi_collective.h"

#include <algorithm>

#include "base/hash.h"
#include "comm/polling.h"

namespace fz::comm {
namespace {

/// Counts are ints, and polling once for each piece costs nothing at this size.
constexpr std::size_t kPieceElements = std::size_t{1} << 28;

class MpiCollective final : public Collective {
 public:
  MpiCollective(MPI_Comm communicator, double timeout_seconds)
      : communicator_(communicator), timeout_seconds_(timeout_seconds) {
    MPI_Comm_rank(communicator_, &rank_);
    MPI_Comm_size(communicator_, &ranks_);
  }

  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }
  double timeout_seconds() const override { return timeout_seconds_; }

  void sum(std::span<float> values) override {
    while (!values.empty()) {
      const std::size_t count = std::min(values.size(), kPieceElements);
      MPI_Request request;
      require(MPI_Iallreduce(MPI_IN_PLACE, values.data(), static_cast<int>(count), MPI_FLOAT, MPI_SUM, communicator_,
                             &request));
      wait(request);
      values = values.subspan(count);
    }
  }

  void broadcast(Bytes& bytes) override {
    Hash hash = rank_ == 0 ? hash_bytes(bytes) : Hash{};
    std::uint64_t size = bytes.size();
    broadcast_raw(&size, sizeof size);
    broadcast_raw(hash.data(), hash.size());
    if (size > kMaxBroadcastBytes)
      fail(ErrorCode::kLaunch, "rank {}: a broadcast of {} bytes is too large", rank_, size);
    bytes.resize(size);
    if (size > 0) broadcast_raw(bytes.data(), size);
    if (hash_bytes(bytes) != hash) fail(ErrorCode::kLaunch, "rank {}: what rank 0 sent arrived damaged", rank_);
  }

 private:
  void broadcast_raw(void* data, std::size_t size) {
    MPI_Request request;
    require(MPI_Ibcast(data, static_cast<int>(size), MPI_BYTE, 0, communicator_, &request));
    wait(request);
  }

  void wait(MPI_Request& request) {
    const bool is_done = poll_until(timeout_seconds_, [&] {
      int done = 0;
      require(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
      return done != 0;
    });
    if (!is_done) fail_for_lost_rank(*this);
  }

  void require(int status) {
    if (status != MPI_SUCCESS) fail(ErrorCode::kLaunch, "rank {}: MPI: a collective failed (code {})", rank_, status);
  }

  MPI_Comm communicator_;
  double timeout_seconds_;
  int rank_ = 0;
  int ranks_ = 1;
};

}  // namespace

std::unique_ptr<Collective> make_mpi_collective(MPI_Comm communicator, double timeout_seconds) {
  return std::make_unique<MpiCollective>(communicator, timeout_seconds);
}

}  // namespace fz::comm
