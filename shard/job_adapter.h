// The adapter of a compress job: the file `adapter` in its directory (docs/format.md, "Directory of a job"). It is
// written once, durably, before the first block that uses the model is coded, and from then on every rank and the merge
// read it. Free functions over files; any rank, one thread.
#pragma once

#include <filesystem>
#include <optional>

#include "base/bytes.h"
#include "shard/plan.h"
#include "shard/shard_file.h"

namespace fz::shard {

inline constexpr const char* kAdapterName = "adapter";

/// Makes this the adapter of the job; empty: it is decided that there is none. One that is there already, sound and for
/// this plan, stays: the blocks that are coded depend on it. Durable on return. `part` tells writers on several nodes
/// apart.
void write_job_adapter(const std::filesystem::path& job_directory, const Plan& plan, ByteSpan adapter,
                       const JobPart& part = {});

/// What write_job_adapter has written; nothing when it is missing, damaged or of another plan. The adapter itself is
/// not looked into.
std::optional<Bytes> read_job_adapter(const std::filesystem::path& job_directory, const Plan& plan);

/// The adapter to code and to merge with; empty: none. Throws Error(kInput) when the plan has one and it is lost, or
/// when what is there is damaged or of another plan.
Bytes adapter_of_job(const std::filesystem::path& job_directory, const Plan& plan);

}  // namespace fz::shard
