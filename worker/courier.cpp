#include "worker/courier.h"

#include <algorithm>
#include <vector>

#include "base/stopwatch.h"
#include "base/work_meter.h"

namespace fz::worker {
namespace {

/// How long a message may wait here.
constexpr std::chrono::milliseconds kPeriod(2);

}  // namespace

comm::Leave carry_messages(comm::WorkerLink& coordinator, comm::CoordinatorLink* local,
                           const comm::Patience& patience) {
  const Stopwatch watch;
  double heard_seconds = 0;
  double patience_seconds = std::max(patience.coordinator_silence_seconds(), patience.first_word_seconds);
  double next_beat_seconds = 0;
  bool finished = false;
  std::vector<comm::Message> outgoing;
  for (;;) {
    while (const auto message = coordinator.try_receive()) {
      heard_seconds = watch.seconds();
      if (!finished) patience_seconds = patience.coordinator_silence_seconds();
      if (const auto* leave = std::get_if<comm::Leave>(&*message)) return *leave;
      if (local != nullptr) {
        local->send(coordinator.rank(), *message);
      } else if (std::holds_alternative<comm::Stop>(*message)) {
        outgoing.push_back(comm::Finished{});
      }
    }
    while (local != nullptr) {
      auto incoming = local->try_receive();
      if (!incoming) break;
      outgoing.push_back(std::move(incoming->message));
    }
    for (const comm::Message& message : std::exchange(outgoing, {})) {
      coordinator.send(message);
      if (!std::holds_alternative<comm::Finished>(message)) continue;
      finished = true;
      patience_seconds = patience.last_work_seconds;
    }
    if (watch.seconds() >= next_beat_seconds) {
      next_beat_seconds = watch.seconds() + patience.beat_seconds();
      coordinator.send(comm::Alive{WorkMeter::bytes()});
    }
    if (watch.seconds() - heard_seconds > patience_seconds) {
      throw CoordinatorLost{patience_seconds};
    }
    if (local != nullptr) {
      local->wait(kPeriod);
    } else {
      coordinator.wait(kPeriod);
    }
  }
}

}  // namespace fz::worker
