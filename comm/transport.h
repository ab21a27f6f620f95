// How messages travel between the coordinator and its workers. Each link is used by one thread. Messages between the
// same two ends keep their order; nothing is lost unless a process dies, which the transport need not notice: no call
// waits for another process, and silence is judged by those who listen.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/ids.h"
#include "comm/message.h"

namespace fz::comm {

struct Incoming {
  Rank from{};
  Message message;
};

/// How long silence may last. Every living rank shows itself several times in that.
struct Patience {
  double silence_seconds = 60;
  double beat_seconds() const { return std::min(silence_seconds / 10, 5.0); }
  /// The coordinator may be busy with a slow disk, and without it all is lost anyway.
  double coordinator_silence_seconds() const { return 5 * silence_seconds; }
  /// Before its first word: it may be loading a model.
  double first_word_seconds = 60;
  /// It writes the archive, while the other ranks have nothing to do but to stay.
  double last_work_seconds = 3600;
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
  virtual std::optional<Message> try_receive() = 0;
  /// As the coordinator's.
  virtual void wait(std::chrono::milliseconds timeout) = 0;
  /// The coordinator has given up: nothing will come any more.
  virtual bool is_closed() const = 0;

  /// The next message, however long that takes; empty when the link is closed.
  std::optional<Message> receive() {
    while (!is_closed()) {
      if (auto message = try_receive()) return message;
      wait(std::chrono::seconds(1));
    }
    return std::nullopt;
  }
};

}  // namespace fz::comm
