// What all ranks do together, in step: sums of gradients, one rank's bytes for all. Every rank makes the same calls in
// the same order. Owned by whoever trains; used by one thread, which may be another than the one that carries messages.
#pragma once

#include <memory>
#include <span>

#include "base/bytes.h"

namespace fz::comm {

class Collective {
 public:
  virtual ~Collective() = default;
  virtual int rank() const = 0;
  virtual int ranks() const = 0;
  /// How long a call waits for the other ranks.
  virtual double timeout_seconds() const = 0;

  /// Element by element over all ranks; the same bits everywhere. All throw Error(kLaunch) when not all ranks take part
  /// in time; nothing can be done together after that.
  virtual void sum(std::span<float> values) = 0;
  /// Rank 0's bytes, given to all and compared by hash.
  virtual void broadcast(Bytes& bytes) = 0;
};

/// For a process alone.
std::unique_ptr<Collective> make_collective_of_one();

/// Throws the Error(kLaunch) of a call that waited in vain.
[[noreturn]] void fail_for_lost_rank(const Collective& collective);

/// Largest bytes that are broadcast.
inline constexpr std::uint64_t kMaxBroadcastBytes = std::uint64_t{1} << 30;

}  // namespace fz::comm
