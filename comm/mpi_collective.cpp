#include "comm/mpi_collective.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "comm/polling.h"

namespace fz::comm {
namespace {

/// What goes through MPI in one call: much for it, little to hold twice.
constexpr std::size_t kPieceBytes = std::size_t{16} << 20;

/// MPI is given a buffer of the collective's own and never the caller's: after a call that not all ranks took part in
/// it may still read and write there, when a late rank comes, and callers free what is theirs. The buffer is then left
/// to it for ever, and nothing more can be done together.
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
      const std::span<float> piece = values.first(std::min(values.size(), kPieceBytes / sizeof(float)));
      pass_through_mpi(piece.data(), piece.size_bytes(), [&](void* buffer, MPI_Request& request) {
        return MPI_Iallreduce(MPI_IN_PLACE, buffer, static_cast<int>(piece.size()), MPI_FLOAT, MPI_SUM, communicator_,
                              &request);
      });
      values = values.subspan(piece.size());
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
    auto* next = static_cast<std::uint8_t*>(data);
    while (size > 0) {
      const std::size_t piece_bytes = std::min(size, kPieceBytes);
      pass_through_mpi(next, piece_bytes, [&](void* buffer, MPI_Request& request) {
        return MPI_Ibcast(buffer, static_cast<int>(piece_bytes), MPI_BYTE, 0, communicator_, &request);
      });
      next += piece_bytes;
      size -= piece_bytes;
    }
  }

  /// Into the buffer, start(buffer, request), and out of it again when that is done.
  template <typename Start>
  void pass_through_mpi(void* data, std::size_t size, const Start& start) {
    if (!buffer_) fail_for_lost_rank(*this);
    std::memcpy(buffer_.get(), data, size);
    std::uint8_t* const buffer = buffer_.release();  // MPI's, until it is done
    MPI_Request request;
    require(start(buffer, request));
    wait(request);
    buffer_.reset(buffer);
    std::memcpy(data, buffer, size);
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
  std::unique_ptr<std::uint8_t[]> buffer_{new std::uint8_t[kPieceBytes]};  ///< Null: lost.
  int rank_ = 0;
  int ranks_ = 1;
};

}  // namespace

std::unique_ptr<Collective> make_mpi_collective(MPI_Comm communicator, double timeout_seconds) {
  return std::make_unique<MpiCollective>(communicator, timeout_seconds);
}

}  // namespace fz::comm
