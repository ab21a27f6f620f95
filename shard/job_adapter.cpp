#include "shard/job_adapter.h"

#include <algorithm>

#include "base/display.h"
#include "shard/adapter_format.h"

namespace fz::shard {
namespace {

constexpr std::string_view kMagic("FZadpt\x00\x01", 8);
constexpr std::size_t kHeadBytes = 8 + sizeof(Check8);
constexpr std::size_t kFrameBytes = kHeadBytes + sizeof(Hash16);

Bytes head_of(const Plan& plan) {
  ByteWriter writer;
  writer.write_bytes(as_byte_span(kMagic));
  writer.write_bytes(plan_check(plan));
  return writer.take();
}

}  // namespace

void write_job_adapter(const std::filesystem::path& job_directory, const Plan& plan, ByteSpan adapter,
                       const JobPart& part) {
  Bytes frame = head_of(plan);
  frame.insert(frame.end(), adapter.begin(), adapter.end());
  const Hash16 hash = hash16(frame);
  frame.insert(frame.end(), hash.begin(), hash.end());
  const std::filesystem::path path = job_directory / kAdapterName;
  const std::filesystem::path temporary = path.native() + ".tmp-" + name_of_part(kAdapterName, part);
  if (create_file_once(path, frame, temporary) || read_job_adapter(job_directory, plan)) return;
  replace_file(path, frame);
}

std::optional<Bytes> read_job_adapter(const std::filesystem::path& job_directory, const Plan& plan) {
  const std::filesystem::path path = job_directory / kAdapterName;
  if (!is_present(path)) return std::nullopt;
  Bytes frame = read_file(path, kMaxAdapterBytes + kFrameBytes);
  if (frame.size() < kFrameBytes) return std::nullopt;
  const Bytes head = head_of(plan);
  const Hash16 hash = hash16(ByteSpan(frame).first(frame.size() - sizeof(Hash16)));
  if (!std::equal(head.begin(), head.end(), frame.begin()) ||
      !std::equal(hash.begin(), hash.end(), frame.end() - sizeof(Hash16))) {
    return std::nullopt;
  }
  return Bytes(frame.begin() + kHeadBytes, frame.end() - sizeof(Hash16));
}

Bytes adapter_of_job(const std::filesystem::path& job_directory, const Plan& plan) {
  const std::optional<Bytes> found = read_job_adapter(job_directory, plan);
  const std::filesystem::path path = job_directory / kAdapterName;
  const bool is_given = plan.adapter_hash != Hash16{};
  // Blocks that were coded with an adapter are worth nothing without it: a damaged one is never passed over.
  const bool is_lost =
      found ? is_given && hash16(*found) != plan.adapter_hash : is_given || !plan.memorize.empty() || is_present(path);
  if (is_lost) {
    fail(ErrorCode::kInput, "{}: the adapter of this run is lost or damaged; give the same command again",
         display_text(path.native()));
  }
  return found.value_or(Bytes());
}

}  // namespace fz::shard
