// What earlier runs left in a job directory: the blocks that any of its journals names and that are still intact,
// whoever made them: runs on the whole job or on parts of it. Job directories are untrusted: what is damaged or does
// not belong to the plan counts as missing.
#pragma once

#include <map>
#include <string>

#include "coordinator/job_directory.h"
#include "coordinator/scan.h"
#include "shard/plan.h"

namespace fz::coordinator {

using FinishedBlocks = std::map<BlockId, shard::BlockPlace>;

/// Whether a run on `part` makes this block.
bool belongs_to(BlockId block, const shard::JobPart& part);
/// How many blocks that are.
std::uint64_t blocks_of_part(const shard::Plan& plan, const shard::JobPart& part);

/// Those of `part`. Reads each to check it.
FinishedBlocks find_finished_blocks(const JobDirectory& directory, const shard::Plan& plan, const shard::JobPart& part,
                                    const Warn& warn);

/// What is to be done for the blocks that are not there, as the end of a sentence that names the missing shards.
std::string missing_blocks_remedy(const JobDirectory& directory, const shard::Plan& plan,
                                  const FinishedBlocks& finished);

}  // namespace fz::coordinator
