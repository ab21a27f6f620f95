#include "comm/in_process_transport.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

#include "base/error.h"

namespace fz::comm {

struct InProcessHub::State {
  class Coordinator final : public CoordinatorLink {
   public:
    explicit Coordinator(State& state) : state_(state) {}
    int workers() const override { return static_cast<int>(state_.to_worker.size()); }
    void send(Rank to, const Message& message) override {
      // Through the wire format, so that every use tests it.
      Bytes bytes = serialize(message);
      const std::lock_guard lock(state_.mutex);
      state_.mailbox_of(to).push_back(std::move(bytes));
      state_.worker_ready.notify_all();
    }
    std::optional<Incoming> try_receive() override {
      const std::lock_guard lock(state_.mutex);
      if (state_.to_coordinator.empty()) return std::nullopt;
      auto [from, bytes] = std::move(state_.to_coordinator.front());
      state_.to_coordinator.pop_front();
      return Incoming{from, parse_message(bytes)};
    }
    void wait(std::chrono::milliseconds timeout) override {
      std::unique_lock lock(state_.mutex);
      state_.coordinator_ready.wait_for(lock, timeout, [&] { return !state_.to_coordinator.empty(); });
    }

   private:
    State& state_;
  };

  class Worker final : public WorkerLink {
   public:
    Worker(State& state, Rank rank) : state_(state), rank_(rank) {}
    Rank rank() const override { return rank_; }
    void send(const Message& message) override {
      Bytes bytes = serialize(message);
      const std::lock_guard lock(state_.mutex);
      state_.to_coordinator.emplace_back(rank_, std::move(bytes));
      state_.coordinator_ready.notify_all();
    }
    std::optional<Message> try_receive() override {
      const std::lock_guard lock(state_.mutex);
      std::deque<Bytes>& mailbox = state_.mailbox_of(rank_);
      if (state_.closed || mailbox.empty()) return std::nullopt;
      const Bytes bytes = std::move(mailbox.front());
      mailbox.pop_front();
      return parse_message(bytes);
    }
    void wait(std::chrono::milliseconds timeout) override {
      std::unique_lock lock(state_.mutex);
      const std::deque<Bytes>& mailbox = state_.mailbox_of(rank_);
      state_.worker_ready.wait_for(lock, timeout, [&] { return state_.closed || !mailbox.empty(); });
    }
    bool is_closed() const override {
      const std::lock_guard lock(state_.mutex);
      return state_.closed;
    }

   private:
    State& state_;
    Rank rank_;
  };

  State(int workers, Rank first_rank)
      : first(first_rank), to_worker(static_cast<std::size_t>(workers)), coordinator(*this) {
    for (int i = 0; i < workers; ++i) {
      worker_links.emplace_back(*this, Rank(number(first) + static_cast<std::uint32_t>(i)));
    }
  }

  std::deque<Bytes>& mailbox_of(Rank rank) { return to_worker.at(number(rank) - number(first)); }

  const Rank first;

  std::mutex mutex;
  std::condition_variable coordinator_ready;
  std::condition_variable worker_ready;
  std::deque<std::pair<Rank, Bytes>> to_coordinator;
  std::vector<std::deque<Bytes>> to_worker;
  bool closed = false;
  Coordinator coordinator;
  std::deque<Worker> worker_links;
};

InProcessHub::InProcessHub(int workers, Rank first) : state_(std::make_unique<State>(workers, first)) {
  FZ_CHECK(workers >= 1);
}
InProcessHub::~InProcessHub() = default;

CoordinatorLink& InProcessHub::coordinator() {
  return state_->coordinator;
}
WorkerLink& InProcessHub::worker(Rank rank) {
  return state_->worker_links.at(number(rank) - number(state_->first));
}

void InProcessHub::close() {
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
  state_->worker_ready.notify_all();
}

}  // namespace fz::comm
