// What coordinator and workers say to each other: ids, offsets, sizes, short names; never bulk data. Plain values;
// bytes on the wire.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace fz::comm {

// From the coordinator.

/// The job is set up; a worker may start. `run` numbers the starts of a compress job; `staging` names a restore's
/// staging directory; `needs_model` is false when all blocks are cheap.
struct Begin {
  std::uint64_t run = 0;
  std::string staging;
  bool needs_model = false;
  bool operator==(const Begin&) const = default;
};
/// Work on these blocks, in any order. All blocks that the worker reported before are safe.
struct Assign {
  std::vector<BlockId> blocks;
  bool operator==(const Assign&) const = default;
};
/// Nothing is left: give up what you may still be working on, make what you wrote durable, answer Finished.
struct Stop {
  bool operator==(const Stop&) const = default;
};
/// All living ranks have finished; the rank may end. When a rank was lost, nobody may wait for all: then it comes at
/// the very end.
struct Leave {
  bool ranks_lost = false;
  bool operator==(const Leave&) const = default;
};

// From both.

/// "I am here." Sent now and then, so that silence means something.
struct Alive {
  std::uint64_t bytes_in_work = 0;  ///< Of a worker: what it has done of its blocks that are not done.
  bool operator==(const Alive&) const = default;
};

// From a worker.

/// Wants work: at most so many blocks at once, of those that the model codes and of the cheap ones.
struct Ready {
  std::uint32_t model_blocks = 1;
  std::uint32_t cheap_blocks = 1;
  bool operator==(const Ready&) const = default;
};
/// The block is done; a compressed one is durable at this place of the worker's shard file.
struct BlockDone {
  BlockId block{};
  std::uint64_t offset_bytes = 0;
  std::uint32_t stored_bytes = 0;
  bool operator==(const BlockDone&) const = default;
};
/// Everything the worker wrote is durable.
struct Finished {
  bool operator==(const Finished&) const = default;
};
/// An Error ended the worker; `exit_code` as in base/error.h, 1 for anything unexpected.
struct Failed {
  std::uint32_t exit_code = 1;
  std::string message;
  bool operator==(const Failed&) const = default;
};

using Message = std::variant<Begin, Assign, Stop, Leave, Alive, Ready, BlockDone, Finished, Failed>;

Bytes serialize(const Message& message);
/// Throws Error(kLaunch): a message that does not parse comes from another version of the program.
Message parse_message(ByteSpan bytes);

}  // namespace fz::comm
