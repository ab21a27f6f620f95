// What each rank does by itself between two things that all do together. The failure of one is the failure of all, so
// that none waits for a rank that has given up. Called by every rank's thread, in step.
#pragma once

#include <functional>
#include <optional>

#include "base/error.h"
#include "comm/collective.h"

namespace fz::worker {

/// What the work has thrown; kUnsupported stands for exceptions that are not ours, out of memory among them.
std::optional<Error> error_of(const std::function<void()>& work);

/// Throws the same Error on all ranks when one has one: the first such rank's. Throws Error(kLaunch) when a rank is
/// lost.
void throw_in_step(comm::Collective& collective, const std::optional<Error>& own);

/// Does this rank's work. When that fails on any rank, it throws as throw_in_step does.
void do_in_step(comm::Collective& collective, const std::function<void()>& work);

/// The same for work that may take longer than the ranks wait for each other; it must not use the collective, which
/// another thread does meanwhile. However long it takes, a rank that lives is not given up; one that dies is, by the
/// timeout of the collective, and the others throw once their own work is done.
void do_at_length_in_step(comm::Collective& collective, const std::function<void()>& work);

}  // namespace fz::worker
