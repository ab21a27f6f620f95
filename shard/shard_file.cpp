#include "shard/shard_file.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/display.h"

namespace fz::shard {
namespace {

constexpr const char* kShardPrefix = "shard";
constexpr std::string_view kOf = "-of-";
constexpr std::uint64_t kMaxPlanBytes = std::uint64_t{1} << 34;

}  // namespace

std::filesystem::path job_directory_of(const std::filesystem::path& output) {
  return output.native() + ".job";
}

std::string name_of_part(const char* name, const JobPart& part) {
  return part ? fmt::format("{}-{}", name, part_text(*part, kOf)) : name;
}

std::optional<JobPart> part_of_name(std::string_view file_name, const char* name) {
  if (file_name == name) return JobPart{};
  const std::string prefix = fmt::format("{}-", name);
  if (!file_name.starts_with(prefix)) return std::nullopt;
  const JobPart part = parse_part(file_name.substr(prefix.size()), kOf);
  // Only as we write it: without leading zeros.
  if (!part || name_of_part(name, part) != file_name) return std::nullopt;
  return part;
}

std::vector<JobPart> parts_with_file(const std::filesystem::path& job_directory, const char* name) {
  std::vector<JobPart> parts;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(job_directory, error)) {
    const auto part = part_of_name(item.path().filename().string(), name);
    if (part && is_plain_file(item.path())) parts.push_back(*part);
  }
  if (error) fail(ErrorCode::kInput, "{}: cannot read: {}", display_text(job_directory.native()), error.message());
  std::sort(parts.begin(), parts.end());
  return parts;
}

std::string shard_name(const JobPart& part, std::uint64_t run, Rank rank) {
  return fmt::format("{}-{}-{}", name_of_part(kShardPrefix, part), run, number(rank));
}

std::optional<std::uint64_t> run_of_shard_name(std::string_view file_name, const JobPart& part) {
  const std::string prefix = name_of_part(kShardPrefix, part) + "-";
  if (!file_name.starts_with(prefix)) return std::nullopt;
  std::uint64_t run = 0;
  const char* const end = file_name.data() + file_name.size();
  const auto parsed = std::from_chars(file_name.data() + prefix.size(), end, run);
  std::uint32_t rank = 0;
  const bool has_rank = parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == '-' &&
                        std::from_chars(parsed.ptr + 1, end, rank).ptr == end;
  if (!has_rank || shard_name(part, run, Rank{rank}) != file_name) return std::nullopt;
  return run;
}

Plan read_plan(const std::filesystem::path& job_directory) {
  const std::filesystem::path path = job_directory / kPlanName;
  return parse_plan(read_file(path, kMaxPlanBytes), path.string());
}

ShardWriter::ShardWriter(const std::filesystem::path& job_directory, const JobPart& part, std::uint64_t run, Rank rank)
    : file_(File::create(job_directory / shard_name(part, run, rank))), part_(part), run_(run), rank_(rank) {
  // The journal will name blocks in this file: its directory entry must be as durable as they are.
  sync_directory(job_directory);
}

BlockPlace ShardWriter::append(const StoredBlock& block) {
  FZ_CHECK(!failed_);
  failed_ = true;  // until everything has gone well
  Bytes stored = serialize_block_header(block.header);
  stored.insert(stored.end(), block.payload.begin(), block.payload.end());
  file_.append(stored);
  file_.sync();
  const BlockPlace place{run_, rank_, end_, static_cast<std::uint32_t>(stored.size()), part_};
  end_ += stored.size();
  failed_ = false;
  return place;
}

BlockHeader read_finished_block(const std::filesystem::path& job_directory, const BlockPlace& place, const Plan& plan,
                                BlockId id, Bytes& stored) {
  const std::filesystem::path path = job_directory / shard_name(place.part, place.run, place.rank);
  const std::string name = path.string();
  if (place.stored_bytes <= kBlockHeaderBytes || place.stored_bytes > kBlockHeaderBytes + kMaxBlockBytes) {
    fail(ErrorCode::kCorrupt, "{}: the journal gives an impossible block size", name);
  }
  stored = File::open_for_reading(path).read_at(place.offset_bytes, place.stored_bytes);
  const BlockHeader header = parse_block_header(ByteSpan(stored).first(kBlockHeaderBytes), name, place.offset_bytes);
  const PlanBlock& expected = plan.blocks.at(number(id));
  if (header.id != id || header.raw_offset != expected.raw_offset || header.raw_bytes != expected.raw_bytes ||
      kBlockHeaderBytes + header.payload_bytes != place.stored_bytes) {
    fail(ErrorCode::kCorrupt, "{}: offset {}: not the block that the journal names", name, place.offset_bytes);
  }
  if (check8(ByteSpan(stored).subspan(kBlockHeaderBytes)) != header.payload_check) {
    fail(ErrorCode::kCorrupt, "{}: the stored bytes are damaged (check differs)",
         block_place(name, id, header.raw_offset));
  }
  return header;
}

}  // namespace fz::shard
