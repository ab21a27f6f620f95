#include "shard/recovery_plan.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace fz::shard {
namespace {

struct PathLess {
  bool operator()(const std::string& a, const std::string& b) const { return path_less(a, b); }
};

std::string range_name(const ByteRange& range) {
  return fmt::format("{:012}-{:012}", range.begin, range.end);
}

/// Where the bytes of the old corpus stream are in the new one.
struct Kept {
  ByteRange raw;  ///< In the old stream; kept blocks that follow each other are one range.
  std::uint64_t new_offset = 0;
};

/// The parts of [begin, end) that are kept, in order.
std::vector<Kept> kept_within(const std::vector<Kept>& kept, const ByteRange& range) {
  auto next =
      std::partition_point(kept.begin(), kept.end(), [&](const Kept& piece) { return piece.raw.end <= range.begin; });
  std::vector<Kept> result;
  for (; next != kept.end() && next->raw.begin < range.end; ++next) {
    const std::uint64_t begin = std::max(range.begin, next->raw.begin);
    const std::uint64_t end = std::min(range.end, next->raw.end);
    result.push_back({{begin, end}, next->new_offset + (begin - next->raw.begin)});
  }
  return result;
}

/// Names for what has none of its own. A directory is made with its first file, each path only once.
class RecoveredDirectory {
 public:
  /// `entries` are those that keep their names.
  explicit RecoveredDirectory(const std::vector<FileEntry>& entries) : name_("recovered") {
    for (int suffix = 2;; ++suffix) {
      const auto taken =
          std::lower_bound(entries.begin(), entries.end(), name_,
                           [](const FileEntry& entry, const auto& name) { return path_less(entry.path, name); });
      if (taken == entries.end() || taken->path != name_) break;
      name_ = fmt::format("recovered-{}", suffix);
    }
  }

  /// A part of a known file.
  void add_part(const FileEntry& file, const Kept& part) {
    const ByteRange in_file = {part.raw.begin - file.raw_offset, part.raw.end - file.raw_offset};
    FileEntry entry = file;
    entry.path = fmt::format("{}/by-name/{}/{}", name_, file.path, range_name(in_file));
    if (entry.path.size() > kMaxPathBytes) return add_stretch(part);
    entry.raw_offset = part.new_offset;
    entry.raw_bytes = part.raw.size();
    add(std::move(entry));
  }
  /// Bytes of the stream whose file is not known.
  void add_stretch(const Kept& part) { add_plain("by-offset/offset-" + range_name(part.raw) + ".bin", part); }
  /// The raw bytes of a block whose place is not known; named by where it lay in the damaged archive.
  void add_unplaced(const FoundBlock& block, std::uint64_t new_offset) {
    add_plain("unplaced/file-offset-" + range_name({block.file_offset, block.file_end()}) + ".bin",
              {{0, block.header.raw_bytes}, new_offset});
  }

  bool is_empty() const { return entries_.empty(); }
  const std::string& name() const { return name_; }
  void move_into(std::vector<FileEntry>& entries) {
    for (auto& [path, entry] : entries_) entries.push_back(std::move(entry));
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return path_less(a.path, b.path); });
  }

 private:
  void add_plain(const std::string& name, const Kept& part) {
    FileEntry entry;
    entry.mode = 0644;
    entry.path = fmt::format("{}/{}", name_, name);
    entry.raw_offset = part.new_offset;
    entry.raw_bytes = part.raw.size();
    add(std::move(entry));
  }
  void add(FileEntry entry) {
    for (std::size_t slash = entry.path.find('/'); slash != std::string::npos;
         slash = entry.path.find('/', slash + 1)) {
      FileEntry directory;
      directory.type = FileType::kDirectory;
      directory.mode = 0755;
      directory.path = entry.path.substr(0, slash);
      entries_.try_emplace(directory.path, directory);
    }
    entries_.emplace(entry.path, std::move(entry));
  }

  std::string name_;
  std::map<std::string, FileEntry, PathLess> entries_;
};

/// Numbers the blocks anew; their raw bytes follow each other without gaps.
std::vector<Kept> lay_out_blocks(RecoveryPlan& plan, const std::vector<FoundBlock>& placed) {
  std::vector<Kept> kept;
  std::uint64_t new_offset = 0;
  const auto add = [&](const FoundBlock& block) {
    RecoveredBlock recovered{block, block.header};
    recovered.header.id = BlockId{static_cast<std::uint32_t>(plan.blocks.size())};
    recovered.header.raw_offset = new_offset;
    plan.blocks.push_back(recovered);
    new_offset += block.header.raw_bytes;
  };
  for (const FoundBlock& block : placed) {
    if (!block.intact) continue;
    if (kept.empty() || kept.back().raw.end != block.header.raw_offset) {
      kept.push_back({{block.header.raw_offset, block.header.raw_offset}, new_offset});
    }
    kept.back().raw.end = block.raw_end();
    add(block);
  }
  for (const FoundBlock& block : plan.unplaced) add(block);
  return kept;
}

/// The gaps between the intact blocks. `end` and `block_count` are those of the corpus, if known.
std::vector<LostBlocks> find_lost_blocks(const std::vector<FoundBlock>& placed, std::optional<std::uint64_t> end,
                                         std::optional<std::uint32_t> block_count) {
  std::vector<LostBlocks> lost;
  std::uint64_t raw_end = 0;
  std::uint64_t next_id = 0;
  bool ends_damaged = false;  // the last header that is known
  for (const FoundBlock& block : placed) {
    ends_damaged = !block.intact;
    if (!block.intact) continue;
    const std::uint32_t id = number(block.header.id);
    if (block.header.raw_offset > raw_end) {
      lost.push_back({{raw_end, block.header.raw_offset}, static_cast<std::uint32_t>(next_id), id - 1, true});
    }
    raw_end = block.raw_end();
    next_id = std::uint64_t{id} + 1;
  }
  if (end && *end == raw_end) return lost;
  // After the last intact block: known to the end, or only as far as damaged headers tell.
  LostBlocks tail{{raw_end, end.value_or(raw_end)},
                  static_cast<std::uint32_t>(next_id),
                  static_cast<std::uint32_t>(next_id),
                  end.has_value()};
  if (ends_damaged) {
    tail.last_id = number(placed.back().header.id);
    tail.raw.end = end.value_or(placed.back().raw_end());
  }
  if (block_count && *block_count > next_id) tail.last_id = *block_count - 1;
  lost.push_back(tail);
  return lost;
}

Header header_of(const RecoveryPlan& plan, const std::optional<Header>& found) {
  Header header;
  header.format_version = kOldestFormatVersion;
  header.block_bytes = found ? found->block_bytes : kMinBlockBytes;
  for (const RecoveredBlock& block : plan.blocks) {
    header.format_version = std::max(header.format_version, traits(block.header.codec).format_version);
    header.block_bytes = std::max(header.block_bytes, block.header.raw_bytes);
    if (!needs_model(block.header.codec)) continue;
    header.token_coder = token_coder(block.header.codec);
    if (found) header.model = found->model;
    if (plan.adapter) header.adapter_bytes = plan.adapter->summary.stored_bytes;
  }
  if (header.adapter_bytes > 0) header.format_version = std::max(header.format_version, kAdapterFormatVersion);
  return header;
}

/// Whole files, directories and links keep their names; of the others, what is left gets new ones.
void sort_files(RecoveryPlan& plan, std::vector<FileEntry> entries, const std::vector<Kept>& kept,
                std::vector<std::pair<FileEntry, std::vector<Kept>>>& parts) {
  for (FileEntry& entry : entries) {
    if (entry.type != FileType::kRegular || entry.raw_bytes == 0) {
      (entry.type == FileType::kRegular ? plan.intact_files : plan.other_entries) += 1;
      plan.entries.push_back(std::move(entry));
      continue;
    }
    const ByteRange whole = {entry.raw_offset, entry.raw_offset + entry.raw_bytes};
    std::vector<Kept> found = kept_within(kept, whole);
    if (found.size() == 1 && found[0].raw == whole) {
      ++plan.intact_files;
      entry.raw_offset = found[0].new_offset;
      plan.entries.push_back(std::move(entry));
      continue;
    }
    DamagedFile damaged{entry, {}, 0};
    std::uint64_t position = whole.begin;
    const auto lose_until = [&](std::uint64_t end) {
      if (end == position) return;
      damaged.lost.push_back({position - whole.begin, end - whole.begin});
      damaged.lost_bytes += end - position;
    };
    for (const Kept& part : found) {
      lose_until(part.raw.begin);
      position = part.raw.end;
    }
    lose_until(whole.end);
    plan.damaged_files.push_back(std::move(damaged));
    if (!found.empty()) parts.emplace_back(std::move(entry), std::move(found));
  }
}

}  // namespace

std::uint64_t RecoveryPlan::kept_raw_bytes() const {
  return blocks.empty() ? 0 : blocks.back().header.raw_offset + blocks.back().header.raw_bytes;
}

bool RecoveryPlan::is_complete() const {
  return table_trust == Trust::kConfirmed && lost_blocks.empty() && damaged_files.empty() && unplaced.empty() &&
         dropped.empty() && unchecked_blocks == 0 && !adapter_was_lost;
}

RecoveryPlan plan_recovery(const RecoveryScan& scan, RecoveryTail tail, const RecoveryOrder& order,
                           const std::vector<FoundBlock>& usable_unplaced) {
  RecoveryPlan plan;
  plan.table_trust = order.table_belongs ? tail.table_trust : Trust::kLost;
  plan.header_was_lost = !order.header.has_value();
  plan.footer_was_lost = !tail.footer.has_value();
  plan.index_was_lost = !tail.index.has_value();
  plan.adapter = order.adapter;
  plan.adapter_was_lost = order.adapter_was_lost;
  plan.duplicate_blocks = order.duplicate_blocks;
  plan.unchecked_blocks = scan.unchecked_blocks;
  plan.unplaced = usable_unplaced;
  const auto earlier = [](const FoundBlock& a, const FoundBlock& b) { return a.file_offset < b.file_offset; };
  std::set_difference(order.unplaced.begin(), order.unplaced.end(), usable_unplaced.begin(), usable_unplaced.end(),
                      std::back_inserter(plan.dropped), earlier);
  const std::vector<Kept> kept = lay_out_blocks(plan, order.placed);
  std::optional<std::uint64_t> corpus_bytes;
  std::optional<std::uint32_t> block_count;
  if (tail.footer && (tail.index || plan.table_trust != Trust::kLost)) {
    corpus_bytes = tail.footer->footer.corpus_bytes;
    block_count = tail.footer->footer.block_count;
  } else if (plan.table_trust != Trust::kLost) {
    corpus_bytes = tail.corpus_bytes;
  }
  plan.lost_blocks = find_lost_blocks(order.placed, corpus_bytes, block_count);
  plan.header = header_of(plan, order.header);
  plan.needs_model_identity = plan.header.model.is_none() &&
                              std::any_of(plan.blocks.begin(), plan.blocks.end(),
                                          [](const RecoveredBlock& block) { return needs_model(block.header.codec); });

  std::vector<std::pair<FileEntry, std::vector<Kept>>> parts;
  if (plan.table_trust != Trust::kLost) sort_files(plan, std::move(tail.entries), kept, parts);
  RecoveredDirectory recovered(plan.entries);
  for (const auto& [file, pieces] : parts) {
    for (const Kept& piece : pieces) recovered.add_part(file, piece);
  }
  if (plan.table_trust == Trust::kLost) {
    for (const Kept& stretch : kept) recovered.add_stretch(stretch);
  }
  for (std::size_t i = 0; i < plan.unplaced.size(); ++i) {
    const std::size_t block = plan.blocks.size() - plan.unplaced.size() + i;
    recovered.add_unplaced(plan.unplaced[i], plan.blocks[block].header.raw_offset);
  }
  if (!recovered.is_empty()) {
    plan.recovered_directory = recovered.name();
    recovered.move_into(plan.entries);
  }
  return plan;
}

}  // namespace fz::shard
