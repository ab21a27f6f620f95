// Makes a check go on after a damaged block: wraps the task of verifying and reports what is damaged instead of
// failing. Used by one worker, as the task inside.
#pragma once

#include <memory>

#include "worker/worker.h"

namespace fz::cli {

/// In BlockDone::offset_bytes, which means nothing else in a check: the block is damaged.
inline constexpr std::uint64_t kDamagedMark = 1;

/// Error(kCorrupt) of a block becomes a report with the mark; all other errors go through.
std::unique_ptr<worker::Task> make_keep_going_task(std::unique_ptr<worker::Task> check);

}  // namespace fz::cli
