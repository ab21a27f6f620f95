#include "shard/plan.h"

#include <algorithm>

namespace fz::shard {
namespace {

constexpr std::string_view kPlanMagic = "FZplan\x00\x04";
constexpr std::size_t kHashBytes = 32;

void write_section(ByteWriter& writer, ByteSpan bytes) {
  writer.write_varint(bytes.size());
  writer.write_bytes(bytes);
}

std::string read_string(ByteReader& reader) {
  return std::string(as_string_view(reader.take(reader.read_varint())));
}

Hash read_hash(ByteReader& reader) {
  Hash hash;
  const ByteSpan bytes = reader.take(hash.size());
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

Kind read_kind(ByteReader& reader) {
  const auto kind = reader.read<std::uint8_t>();
  if (kind > 1) reader.corrupt("kind does not exist");
  return static_cast<Kind>(kind);
}

}  // namespace

std::uint64_t Plan::corpus_bytes() const {
  return blocks.empty() ? 0 : blocks.back().raw_offset + blocks.back().raw_bytes;
}

std::vector<FileEntry> Plan::file_entries() const {
  std::vector<FileEntry> files;
  files.reserve(entries.size());
  for (const PlanEntry& entry : entries) files.push_back(entry.file);
  return files;
}

EntryAt Plan::entry_at() const {
  return [this](std::size_t index) -> const FileEntry& { return entries[index].file; };
}

std::string source_path(const Plan& plan, const FileEntry& entry) {
  const std::string_view path = entry.path;
  const std::string_view top = path.substr(0, path.find('/'));
  for (const PlanInput& input : plan.inputs) {
    if (input.name == top) return input.source + std::string(path.substr(top.size()));
  }
  FZ_CHECK(false && "every entry lies under an input");
  return {};
}

Bytes serialize_plan(const Plan& plan) {
  ByteWriter writer;
  writer.write_bytes(as_byte_span({kPlanMagic.data(), 8}));
  writer.write(static_cast<std::uint8_t>(static_cast<int>(plan.coder) + 16 * static_cast<int>(plan.memory_coder)));
  writer.write(plan.block_bytes);
  writer.write(plan.lane_limit);
  writer.write(plan.model.numerics_version);
  writer.write(plan.model.context);
  writer.write_bytes(plan.model.weights_hash);
  writer.write_bytes(plan.model.tokenizer_hash);
  writer.write_bytes(plan.adapter_hash);
  write_section(writer, as_byte_span(plan.memorize));
  writer.write_varint(plan.inputs.size());
  for (const PlanInput& input : plan.inputs) {
    write_section(writer, as_byte_span(input.name));
    write_section(writer, as_byte_span(input.source));
  }
  writer.write(plan.corpus_bytes());
  write_section(writer, serialize_file_table(plan.entries.size(), plan.entry_at()));
  for (const PlanEntry& entry : plan.entries) writer.write(static_cast<std::uint8_t>(entry.kind));
  writer.write_varint(plan.blocks.size());
  for (const PlanBlock& block : plan.blocks) {
    writer.write_varint(block.raw_bytes);
    writer.write(static_cast<std::uint8_t>(block.kind));
  }
  writer.write_bytes(hash_bytes(writer.bytes()));
  return writer.take();
}

Plan parse_plan(ByteSpan bytes, const std::string& source) {
  if (bytes.size() < kHashBytes || hash_bytes(bytes.first(bytes.size() - kHashBytes)) != [&] {
        ByteReader tail(bytes.last(std::min(bytes.size(), kHashBytes)), source);
        return read_hash(tail);
      }()) {
    fail(ErrorCode::kCorrupt, "{}: the plan is damaged; remove the job directory to start afresh", source);
  }
  ByteReader reader(bytes.first(bytes.size() - kHashBytes), source);
  if (as_string_view(reader.take(8)) != std::string_view(kPlanMagic.data(), 8))
    reader.corrupt("not a plan of this version");
  Plan plan;
  const auto coders = reader.read<std::uint8_t>();
  if (coders % 16 >= coder_count(kFormatVersion)) reader.corrupt("token coder does not exist");
  if (coders / 16 > static_cast<int>(MemoryCoder::kQuick)) reader.corrupt("memory coder does not exist");
  plan.coder = static_cast<TokenCoder>(coders % 16);
  plan.memory_coder = static_cast<MemoryCoder>(coders / 16);
  plan.block_bytes = reader.read<std::uint32_t>();
  if (plan.block_bytes < kMinBlockBytes || plan.block_bytes > kMaxBlockBytes)
    reader.corrupt("block size is outside the limits");
  plan.lane_limit = reader.read<std::uint32_t>();
  if (plan.lane_limit == 0 || plan.lane_limit > kMaxLanes) reader.corrupt("lane limit is outside the limits");
  plan.model.numerics_version = reader.read<std::uint32_t>();
  plan.model.context = reader.read<std::uint32_t>();
  plan.model.weights_hash = read_hash(reader);
  plan.model.tokenizer_hash = read_hash(reader);
  const ByteSpan adapter_hash = reader.take(plan.adapter_hash.size());
  std::copy(adapter_hash.begin(), adapter_hash.end(), plan.adapter_hash.begin());
  plan.memorize = read_string(reader);
  for (std::uint64_t left = reader.read_varint(); left > 0; --left) {
    PlanInput input;
    input.name = read_string(reader);
    input.source = read_string(reader);
    plan.inputs.push_back(std::move(input));
  }
  const auto corpus_bytes = reader.read<std::uint64_t>();
  for (FileEntry& file : parse_file_table(reader.take(reader.read_varint()), corpus_bytes, source)) {
    plan.entries.push_back({std::move(file), Kind::kText});
  }
  for (PlanEntry& entry : plan.entries) entry.kind = read_kind(reader);
  std::uint64_t raw_offset = 0;
  for (std::uint64_t left = reader.read_varint(); left > 0; --left) {
    const std::uint64_t raw_bytes = reader.read_varint();
    if (raw_bytes == 0 || raw_bytes > plan.block_bytes) reader.corrupt("a block's size is outside the limits");
    plan.blocks.push_back({raw_offset, static_cast<std::uint32_t>(raw_bytes), read_kind(reader)});
    raw_offset += raw_bytes;
  }
  reader.expect_end();
  if (raw_offset != corpus_bytes) reader.corrupt("the blocks do not add up to the corpus");
  return plan;
}

Check8 plan_check(const Plan& plan) {
  return check8(serialize_plan(plan));
}

}  // namespace fz::shard
