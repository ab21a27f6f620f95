// The journal of a compress job: which blocks are finished and where, and, at the end, what archive is about to get its
// name. Append-only; written by the coordinator alone. A record that was not fully written before a crash is cut off
// when the journal is opened again.
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
  std::uint64_t runs = 0;                       ///< Starts so far; shard files are named by them.
  std::map<BlockId, shard::BlockPlace> blocks;  ///< The last record of each block.
  std::optional<Commit> commit;
};

/// What the journal of a running or dead job holds; reads only, and passes over a torn tail. Throws Error(kCorrupt)
/// when the file is no journal.
JournalContent read_journal(const std::filesystem::path& path);

class Journal {
 public:
  /// Opens or creates; cuts off a torn tail. Throws Error(kCorrupt) when the file is no journal.
  explicit Journal(const std::filesystem::path& path);

  const JournalContent& content() const { return content_; }

  /// Each is durable on return.
  /// The new run's number: larger than any before and than `used`.
  std::uint64_t begin_run(std::uint64_t used = 0);
  void add_blocks(std::span<const std::pair<BlockId, shard::BlockPlace>> blocks);
  void add_commit(const Commit& commit);

 private:
  void append(const Bytes& records);

  File file_;
  JournalContent content_;
  bool failed_ = false;
};

}  // namespace fz::coordinator
