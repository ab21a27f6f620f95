#include "cli/recovery_report.h"

#include "cli/json_bytes.h"

namespace fz::cli {
namespace {

using shard::LostBlocks;
using shard::RecoveryPlan;
using shard::Trust;

constexpr std::size_t kMaxPlacesInLine = 8;

const char* trust_name(Trust trust) {
  switch (trust) {
    case Trust::kLost:
      return "lost";
    case Trust::kUnconfirmed:
      return "unconfirmed";
    case Trust::kConfirmed:
      return "intact";
  }
  return "unknown";
}

const char* presence(bool lost) {
  return lost ? "lost" : "intact";
}

std::string places(const std::vector<shard::ByteRange>& ranges) {
  std::string text;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (i == kMaxPlacesInLine) return text + fmt::format(" and at {} more places", ranges.size() - i);
    text += fmt::format("{}{} bytes at {}", i == 0 ? "" : ", ", ranges[i].size(), ranges[i].begin);
  }
  return text;
}

std::string lost_line(const LostBlocks& lost) {
  const std::string blocks = lost.first_id == lost.last_id
                                 ? fmt::format("block {} is lost", lost.first_id)
                                 : fmt::format("blocks {} to {} are lost", lost.first_id, lost.last_id);
  if (lost.end_known) return fmt::format("{}: {} raw bytes at {}", blocks, lost.raw.size(), lost.raw.begin);
  return fmt::format("whatever followed raw offset {} is lost, from block {} on", lost.raw.begin, lost.first_id);
}

std::string count(std::uint64_t number, const char* noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::uint64_t lost_block_count(const RecoveryPlan& plan) {
  std::uint64_t total = 0;
  for (const LostBlocks& lost : plan.lost_blocks) {
    if (lost.end_known) total += std::uint64_t{lost.last_id} - lost.first_id + 1;
  }
  return total;
}

}  // namespace

std::string recovery_lines(const RecoveryPlan& plan, const std::string& archive) {
  std::string text =
      fmt::format("{}: header {}, file table {}, index {}, footer {}\n", archive, presence(plan.header_was_lost),
                  trust_name(plan.table_trust), presence(plan.index_was_lost), presence(plan.footer_was_lost));
  const auto say = [&](const std::string& line) { text += fmt::format("{}: {}\n", archive, line); };
  if (plan.adapter_was_lost) {
    say("the adapter is damaged: no block that was coded by the model can be decoded without it");
  } else if (plan.adapter) {
    say("the adapter is intact");
  }
  if (plan.table_trust == Trust::kUnconfirmed) {
    say("the hash of the file table is lost: contents are checked, names, times and the borders of files are not");
  }
  for (const LostBlocks& lost : plan.lost_blocks) say(lost_line(lost));
  for (const shard::DamagedFile& file : plan.damaged_files) {
    text += fmt::format("{}: {} of {} bytes are lost: {}\n", display_text(file.entry.path), file.lost_bytes,
                        file.entry.raw_bytes, places(file.lost));
  }
  for (const shard::FoundBlock& block : plan.unplaced) {
    say(fmt::format("offset {}: an intact block of {} raw bytes without a certain place", block.file_offset,
                    block.header.raw_bytes));
  }
  for (const shard::FoundBlock& block : plan.dropped) {
    say(fmt::format("offset {}: a block that is not of this archive, as it seems, and cannot be kept",
                    block.file_offset));
  }
  if (plan.unchecked_blocks > 0) {
    say(fmt::format("{} were not looked into: there are more false ones than damage makes",
                    count(plan.unchecked_blocks, "block header")));
  }
  say(fmt::format("{} intact, {} raw bytes{}", count(plan.blocks.size(), "block"), plan.kept_raw_bytes(),
                  plan.duplicate_blocks > 0 ? fmt::format(", {} found twice", plan.duplicate_blocks) : ""));
  if (plan.table_trust != Trust::kLost) {
    say(fmt::format("{} whole, {} damaged", count(plan.intact_files, "file"), plan.damaged_files.size()));
  } else {
    say("the names of the files are lost");
  }
  return text;
}

std::string recovery_json(const RecoveryPlan& plan, const std::string& archive, const std::string& output) {
  using Json = nlohmann::ordered_json;
  Json object;
  put_bytes(object, "archive", archive);
  if (output.empty()) {
    object["output"] = nullptr;
  } else {
    put_bytes(object, "output", output);
  }
  object["complete"] = plan.is_complete();
  object["header"] = presence(plan.header_was_lost);
  object["file_table"] = trust_name(plan.table_trust);
  object["index"] = presence(plan.index_was_lost);
  object["footer"] = presence(plan.footer_was_lost);
  object["adapter"] = plan.adapter || plan.adapter_was_lost ? Json(presence(plan.adapter_was_lost)) : Json();
  object["blocks"] = plan.blocks.size();
  object["raw_bytes"] = plan.kept_raw_bytes();
  object["duplicate_blocks"] = plan.duplicate_blocks;
  object["unchecked_blocks"] = plan.unchecked_blocks;
  object["lost_blocks"] = Json::array();
  for (const LostBlocks& lost : plan.lost_blocks) {
    Json item = {{"first", lost.first_id}, {"last", nullptr}, {"raw_begin", lost.raw.begin}, {"raw_end", nullptr}};
    if (lost.end_known) {
      item["last"] = lost.last_id;
      item["raw_end"] = lost.raw.end;
    }
    object["lost_blocks"].push_back(item);
  }
  const bool has_names = plan.table_trust != Trust::kLost;
  object["whole_files"] = has_names ? Json(plan.intact_files) : Json();
  object["damaged_files"] = has_names ? Json::array() : Json();
  for (const shard::DamagedFile& file : plan.damaged_files) {
    Json item;
    put_bytes(item, "path", file.entry.path);
    item["bytes"] = file.entry.raw_bytes;
    item["lost_bytes"] = file.lost_bytes;
    item["lost"] = Json::array();
    for (const shard::ByteRange& range : file.lost)
      item["lost"].push_back({{"begin", range.begin}, {"end", range.end}});
    object["damaged_files"].push_back(item);
  }
  const auto put_blocks = [&](const char* key, const std::vector<shard::FoundBlock>& blocks) {
    object[key] = Json::array();
    for (const shard::FoundBlock& block : blocks) {
      object[key].push_back({{"file_offset", block.file_offset}, {"raw_bytes", block.header.raw_bytes}});
    }
  };
  put_blocks("unplaced_blocks", plan.unplaced);
  put_blocks("dropped_blocks", plan.dropped);
  object["recovered_directory"] = plan.recovered_directory.empty() ? Json() : Json(plan.recovered_directory);
  return object.dump(2) + "\n";
}

std::string recovery_summary(const RecoveryPlan& plan) {
  std::vector<std::string> parts;
  if (const std::uint64_t lost = lost_block_count(plan); lost > 0) {
    parts.push_back(fmt::format("{} lost", count(lost, "block")));
  } else if (!plan.lost_blocks.empty()) {
    parts.push_back("the end is lost");
  }
  if (plan.adapter_was_lost) parts.push_back("the adapter is lost");
  if (!plan.damaged_files.empty()) parts.push_back(fmt::format("{} damaged", count(plan.damaged_files.size(), "file")));
  if (plan.table_trust == Trust::kLost) parts.push_back("the names of the files are lost");
  if (plan.table_trust == Trust::kUnconfirmed) parts.push_back("the names of the files are unconfirmed");
  if (!plan.unplaced.empty() || !plan.dropped.empty() || plan.unchecked_blocks > 0)
    parts.push_back("there are blocks that do not belong");
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace fz::cli
