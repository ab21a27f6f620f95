// How messages travel between the coordinator and its workers. Each link is used by one thread. Messages between the
// same two ends keep their order; nothing is lost unless a process dies, which the transport need not notice.
#pragma once

#include <chrono>
#include <optional>

#include "base/ids.h"
#include "comm/message.h"

namespace fz::comm {

struct Incoming {
  Rank from{};
  Message message;
};

/// The coordinator's end.
class CoordinatorLink {
 public:
  virtual ~CoordinatorLink() = default;
  virtual int workers() const = 0;
  virtual void send(Rank to, const Message& message) = 0;
  virtual std::optional<Incoming> try_receive() = 0;
  /// Returns when something may have arrived, at the latest after `timeout`. Never spins.
  virtual void wait(std::chrono::milliseconds timeout) = 0;
};

/// A worker's end.
class WorkerLink {
 public:
  virtual ~WorkerLink() = default;
  virtual Rank rank() const = 0;
  virtual void send(const Message& message) = 0;
  /// The next message; waits for it without spinning. Empty when the coordinator is gone and the worker shall end.
  virtual std::optional<Message> receive() = 0;
};

}  // namespace fz::comm
