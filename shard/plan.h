// The frozen plan of a compress job (`OUT.fz.job/plan`): what goes in, cut how, coded by which model. Made by the
// coordinator, read by every rank; independent of ranks and threads. Plain data and pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "shard/archive_format.h"
#include "shard/file_table.h"
#include "shard/lanes.h"

namespace fz::shard {

/// An input argument: its name in the archive and where it lies.
struct PlanInput {
  std::string name;
  std::string source;  ///< Absolute path.

  bool operator==(const PlanInput&) const = default;
};

struct PlanEntry {
  FileEntry file;
  Kind kind = Kind::kText;  ///< Regular files.

  bool operator==(const PlanEntry&) const = default;
};

struct PlanBlock {
  std::uint64_t raw_offset = 0;
  std::uint32_t raw_bytes = 0;
  Kind kind = Kind::kText;

  bool operator==(const PlanBlock&) const = default;
};

struct Plan {
  TokenCoder coder = TokenCoder::kMixed;
  MemoryCoder memory_coder = MemoryCoder::kThorough;
  std::uint32_t block_bytes = kDefaultBlockBytes;  ///< No block has more.
  ModelIdentity model;                             ///< None when no block is text, or when none is wanted.
  std::uint32_t lane_limit = kMaxLanes;            ///< Most lanes of a block.
  Hash16 adapter_hash{};                           ///< Of the adapter that the user gave (--adapter); zero: none.
  /// How an adapter is to be trained on the corpus, in words (docs/format.md); empty: not at all.
  std::string memorize;
  std::vector<PlanInput> inputs;
  std::vector<PlanEntry> entries;  ///< In the order of the file table.
  std::vector<PlanBlock> blocks;   ///< Tile the corpus stream.

  /// Whether the block is offered to the model. All others are cheap: ranks take several at a time.
  bool uses_model(const PlanBlock& block) const { return block.kind == Kind::kText && !model.is_none(); }
  std::uint64_t corpus_bytes() const;
  std::vector<FileEntry> file_entries() const;
  /// Into this plan.
  EntryAt entry_at() const;
};

/// The path to read an entry from.
std::string source_path(const Plan& plan, const FileEntry& entry);

Bytes serialize_plan(const Plan& plan);
/// Throws Error(kCorrupt).
Plan parse_plan(ByteSpan bytes, const std::string& source);
/// Tells plans apart; what is written for one plan names it by this.
Check8 plan_check(const Plan& plan);

}  // namespace fz::shard
