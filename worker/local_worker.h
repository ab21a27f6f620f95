// This rank's worker on a thread of its own, so that the main thread stays free to carry messages and to show that the
// rank lives. Seen as a coordinator's link to one worker; used by one thread.
#pragma once

#include <memory>
#include <optional>

#include "comm/transport.h"
#include "worker/worker.h"

namespace fz::worker {

class LocalWorker final : public comm::CoordinatorLink {
 public:
  /// Starts the thread.
  LocalWorker(Rank rank, std::shared_ptr<Task> task);
  /// Leaves the thread behind if it still runs.
  ~LocalWorker() override;
  LocalWorker(const LocalWorker&) = delete;
  LocalWorker& operator=(const LocalWorker&) = delete;

  int workers() const override { return 1; }
  /// Stop while the worker is at work means that its work is not needed any more: it is left behind at once. Then, and
  /// when the worker has failed before, Finished is answered here, once what it had reported is durable.
  void send(Rank to, const comm::Message& message) override;
  std::optional<comm::Incoming> try_receive() override;
  void wait(std::chrono::milliseconds timeout) override;

  /// Waits for what the worker is doing, then ends it.
  void join();
  /// The thread may go on; its task writes nothing more. The process should end soon, and not through destructors.
  void leave_behind();
  bool is_left_behind() const { return left_behind_; }
  /// At work on something, as far as was heard.
  bool is_busy() const { return busy_; }

 private:
  struct Shared;
  comm::Message last_word();

  Rank rank_;
  std::shared_ptr<Shared> shared_;
  bool busy_ = false;  ///< Between Begin or Assign and Ready.
  bool failed_ = false;
  bool has_results_ = false;
  bool left_behind_ = false;
  std::optional<comm::Message> last_word_;
};

}  // namespace fz::worker
