#include "base/interruption.h"

#include <csignal>

namespace fz {
namespace {

volatile std::sig_atomic_t noted_signal = 0;
struct sigaction old_interrupt;
struct sigaction old_terminate;

void note(int signal) {
  noted_signal = signal;
}

}  // namespace

InterruptionGuard::InterruptionGuard() {
  noted_signal = 0;
  struct sigaction action = {};
  action.sa_handler = note;
  // Once only: a second Ctrl-C ends the process even if a loop hangs.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigaction(SIGINT, &action, &old_interrupt);
  ::sigaction(SIGTERM, &action, &old_terminate);
}

InterruptionGuard::~InterruptionGuard() {
  ::sigaction(SIGINT, &old_interrupt, nullptr);
  ::sigaction(SIGTERM, &old_terminate, nullptr);
}

void throw_if_interrupted() {
  if (noted_signal != 0) throw Interrupted{noted_signal};
}

}  // namespace fz
