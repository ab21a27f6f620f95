#include "worker/local_worker.h"

#include <thread>

#include "base/error.h"
#include "comm/in_process_transport.h"

namespace fz::worker {

/// What the thread uses; shared, because it may outlive the LocalWorker.
struct LocalWorker::Shared {
  Shared(Rank rank, std::shared_ptr<Task> work) : hub(1, rank), task(std::move(work)) {}
  comm::InProcessHub hub;
  std::shared_ptr<Task> task;
  std::thread thread;
};

LocalWorker::LocalWorker(Rank rank, std::shared_ptr<Task> task)
    : rank_(rank), shared_(std::make_shared<Shared>(rank, std::move(task))) {
  shared_->thread = std::thread([rank, shared = shared_] { run_worker(shared->hub.worker(rank), *shared->task); });
}

LocalWorker::~LocalWorker() {
  if (shared_->thread.joinable()) leave_behind();
}

void LocalWorker::send(Rank to, const comm::Message& message) {
  FZ_CHECK(to == rank_);
  const bool is_for_worker = std::holds_alternative<comm::Begin>(message) ||
                             std::holds_alternative<comm::Assign>(message) ||
                             std::holds_alternative<comm::Stop>(message);
  if (left_behind_ || !is_for_worker) return;
  if (!std::holds_alternative<comm::Stop>(message)) {
    busy_ = true;
  } else if (busy_ || failed_) {
    if (busy_) leave_behind();
    last_word_ = last_word();
    return;
  }
  shared_->hub.coordinator().send(rank_, message);
}

comm::Message LocalWorker::last_word() {
  try {
    if (has_results_) shared_->task->finish();
    return comm::Finished{};
  } catch (const Error& error) {
    return comm::Failed{static_cast<std::uint32_t>(error.exit_code()), error.what()};
  }
}

std::optional<comm::Incoming> LocalWorker::try_receive() {
  if (last_word_) return comm::Incoming{rank_, *std::exchange(last_word_, std::nullopt)};
  if (left_behind_) return std::nullopt;
  auto incoming = shared_->hub.coordinator().try_receive();
  if (!incoming) return incoming;
  const comm::Message& message = incoming->message;
  has_results_ = has_results_ || std::holds_alternative<comm::BlockDone>(message);
  if (std::holds_alternative<comm::Ready>(message)) busy_ = false;
  if (std::holds_alternative<comm::Failed>(message)) {
    failed_ = true;
    busy_ = false;
    join();  // that was its last word
  }
  return incoming;
}

void LocalWorker::wait(std::chrono::milliseconds timeout) {
  if (last_word_) return;
  if (left_behind_) {
    std::this_thread::sleep_for(timeout);
  } else {
    shared_->hub.coordinator().wait(timeout);
  }
}

void LocalWorker::join() {
  shared_->hub.close();
  if (shared_->thread.joinable()) shared_->thread.join();
}

void LocalWorker::leave_behind() {
  shared_->task->abandon();
  shared_->hub.close();
  if (shared_->thread.joinable()) shared_->thread.detach();
  left_behind_ = true;
}

}  // namespace fz::worker
