// The journal of a compress job, or of a part of one: which blocks of a plan are finished and where, and, at the end,
// what archive is about to get its name. Append-only; written by one coordinator alone, which holds the lock; others
// may read it meanwhile. A record that was not fully written before a crash is cut off when the journal is opened
// again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>

#include "base/file.h"
#include "shard/shard_file.h"

namespace fz::coordinator {

/// The archive that `merged` held when it was complete and synced.
struct Commit {
  std::uint64_t archive_bytes = 0;
  shard::Check8 footer_check{};

  bool operator==(const Commit&) const = default;
};

struct JournalContent {
  shard::Check8 plan_check{};                   ///< Of the plan whose blocks these are.
  std::uint64_t runs = 0;                       ///< Starts so far; shard files are named by them.
  std::map<BlockId, shard::BlockPlace> blocks;  ///< The last record of each block.
  std::optional<Commit> commit;
};

/// Reads up to the first record that is torn or damaged, or that is just being written. `part` is whose journal it is.
/// Throws Error(kCorrupt) when the file is no journal.
JournalContent read_journal(const std::filesystem::path& path, const shard::JobPart& part = {});

class Journal {
 public:
  /// Opens or creates; cuts off a torn tail. What was written for another plan is discarded: block numbers say nothing
  /// without their plan. Throws Error(kCorrupt) when the file is no journal.
  Journal(const std::filesystem::path& path, const shard::Check8& plan_check, const shard::JobPart& part = {});

  const JournalContent& content() const { return content_; }

  /// Each is durable on return.
  /// The new run's number: larger than any before and than `used`. Throws Error(kCorrupt) when there is none.
  std::uint64_t begin_run(std::uint64_t used = 0);
  void add_blocks(std::span<const std::pair<BlockId, shard::BlockPlace>> blocks);
  void add_commit(const Commit& commit);

 private:
  void append(const Bytes& records);

  File file_;
  shard::JobPart part_;
  JournalContent content_;
  bool failed_ = false;
};

}  // namespace fz::coordinator
