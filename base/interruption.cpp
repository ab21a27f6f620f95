#include "base/interruption.h"

#include <array>
#include <csignal>
#include <utility>

namespace fz {
namespace {

volatile std::sig_atomic_t noted_signal = 0;
constexpr std::array kSignals = {SIGINT, SIGTERM, SIGUSR1};
std::array<struct sigaction, kSignals.size()> old_actions;
std::function<void()> idle_of_guard;

void note(int signal) {
  noted_signal = signal;
}

}  // namespace

InterruptionGuard::InterruptionGuard(std::function<void()> idle) {
  idle_of_guard = std::move(idle);
  noted_signal = 0;
  struct sigaction action = {};
  action.sa_handler = note;
  // Once only: a second Ctrl-C ends the process even if a loop hangs.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &old_actions[i]);
}

InterruptionGuard::~InterruptionGuard() {
  idle_of_guard = {};
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &old_actions[i], nullptr);
}

void leave_signals_to_rank_0() {
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGUSR1, SIG_IGN);
}

void throw_if_interrupted() {
  if (noted_signal != 0) throw Interrupted{noted_signal};
  if (idle_of_guard) idle_of_guard();
}

}  // namespace fz
