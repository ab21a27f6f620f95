#include "shard/shard_file.h"

namespace fz::shard {

std::filesystem::path job_directory_of(const std::filesystem::path& output) {
  return output.native() + ".job";
}

std::string shard_name(std::uint64_t run, Rank rank) {
  return fmt::format("shard-{}-{}", run, number(rank));
}

ShardWriter::ShardWriter(const std::filesystem::path& job_directory, std::uint64_t run, Rank rank)
    : file_(File::create(job_directory / shard_name(run, rank))), run_(run), rank_(rank) {
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
  const BlockPlace place{run_, rank_, end_, static_cast<std::uint32_t>(stored.size())};
  end_ += stored.size();
  failed_ = false;
  return place;
}

BlockHeader read_finished_block(const std::filesystem::path& job_directory, const BlockPlace& place, const Plan& plan,
                                BlockId id, Bytes& stored) {
  const std::filesystem::path path = job_directory / shard_name(place.run, place.rank);
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
