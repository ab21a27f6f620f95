#include "shard/prediction_log.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "base/log.h"
#include "shard/shard_file.h"

namespace fz::shard {
namespace {

// File: magic and identity, then records: chunk, size of the answers, the answers, check of all that.
constexpr std::string_view kMagic("FZpred\x00\x02", 8);
constexpr std::size_t kHeadBytes = 8 + sizeof(Hash16);
constexpr std::size_t kRecordHeadBytes = 4 + 4 + 4;
constexpr std::size_t kFrameBytes = kRecordHeadBytes + sizeof(Check8);
constexpr const char* kPrefix = "predictions-";
static_assert(std::endian::native == std::endian::little, "numbers lie as they are in memory");

std::string prefix_of(BlockId block) {
  return fmt::format("{}{}", kPrefix, number(block));
}

std::vector<std::filesystem::path> files_of(const std::filesystem::path& directory, BlockId block) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(directory, error)) {
    if (item.path().filename().string().starts_with(prefix_of(block) + "-") && is_plain_file(item.path()))
      paths.push_back(item.path());
  }
  return paths;
}

}  // namespace

PredictionLog::PredictionLog(Writer writer, BlockId block, const Hash16& identity, std::uint32_t raw_bytes)
    : writer_(std::move(writer)), block_(block) {
  ByteWriter head;
  head.write_bytes(as_byte_span(kMagic));
  head.write_bytes(identity);
  head_ = head.take();
  for (const std::filesystem::path& path : files_of(writer_.directory, block)) {
    try {
      find_records(File::open_for_reading(path), raw_bytes);
    } catch (const Error& error) {
      log_line(LogLevel::kWarning, "{}", error.what());
    }
  }
  if (!records_.empty())
    log_line(LogLevel::kInfo, "goes on with block {}: {} chunks are known", number(block), records_.size());
}

void PredictionLog::find_records(File file, std::uint32_t raw_bytes) {
  const std::uint64_t end = file.size_bytes();
  if (end < kHeadBytes || file.read_at(0, kHeadBytes) != head_) return;
  for (std::uint64_t offset = kHeadBytes; end - offset >= kFrameBytes;) {
    const Bytes head_bytes = file.read_at(offset, kRecordHeadBytes);
    ByteReader head(head_bytes, file.path().string(), offset);
    ChunkPlace chunk;
    chunk.begin = head.read<std::uint32_t>();
    chunk.read_again = head.read<std::uint32_t>();
    const auto size_bytes = head.read<std::uint32_t>();
    // What comes after a torn one would be found only by chance.
    if (size_bytes == 0 || size_bytes > end - offset - kFrameBytes || chunk.begin >= raw_bytes) break;
    records_.try_emplace(chunk, Record{files_.size(), offset, size_bytes});
    offset += kFrameBytes + size_bytes;
  }
  files_.push_back(std::move(file));
}

bool PredictionLog::read(const ChunkPlace& chunk, std::span<std::uint16_t> answers) {
  const auto found = records_.find(chunk);
  if (found == records_.end() || found->second.size_bytes != answers.size_bytes()) return false;
  const Record record = found->second;
  try {
    const Bytes stored = files_[record.file].read_at(record.offset_bytes, kFrameBytes + std::size_t{record.size_bytes});
    const ByteSpan checked = ByteSpan(stored).first(stored.size() - sizeof(Check8));
    const Check8 check = check8(checked);
    if (std::equal(check.begin(), check.end(), stored.end() - sizeof(Check8))) {
      std::memcpy(answers.data(), checked.data() + kRecordHeadBytes, record.size_bytes);
      return true;
    }
  } catch (const Error& error) {
    log_line(LogLevel::kWarning, "{}", error.what());
  }
  records_.erase(found);
  return false;
}

void PredictionLog::append(const ChunkPlace& chunk, std::span<const std::uint16_t> answers) {
  if (has_failed_) return;
  ByteWriter record;
  record.write(chunk.begin);
  record.write(chunk.read_again);
  record.write(static_cast<std::uint32_t>(answers.size_bytes()));
  record.write_bytes({reinterpret_cast<const std::uint8_t*>(answers.data()), answers.size_bytes()});
  record.write_bytes(check8(record.bytes()));
  writer_.gate([&] { write(record.bytes()); });
}

void PredictionLog::write(ByteSpan record) {
  try {
    if (!own_.is_open()) {
      own_ = File::create(writer_.directory / own_name());
      own_.append(head_);
    }
    own_.append(record);
  } catch (const Error& error) {
    // The disk is full, say: what little is left is for the blocks.
    log_line(LogLevel::kWarning, "{}; an interruption would cost what is done of block {}", error.what(),
             number(block_));
    has_failed_ = true;
    std::error_code ignored;
    if (own_.is_open()) std::filesystem::remove(own_.path(), ignored);
  }
}

std::string PredictionLog::own_name() const {
  return fmt::format("{}-{}-{}", name_of_part(prefix_of(block_).c_str(), writer_.part), writer_.run,
                     number(writer_.rank));
}

void PredictionLog::remove() {
  files_.clear();
  records_.clear();
  has_failed_ = true;
  own_ = File();
  writer_.gate([&] {
    std::error_code error;
    for (const std::filesystem::path& path : files_of(writer_.directory, block_)) std::filesystem::remove(path, error);
  });
}

Hash16 decoding_identity(const Header& archive, const BlockHeader& block) {
  ByteWriter identity;
  identity.write_bytes(serialize_header(archive));
  identity.write_bytes(serialize_block_header(block));
  return hash16(identity.bytes());
}

bool is_prediction_log(std::string_view file_name) {
  return file_name.starts_with(kPrefix);
}

std::uint64_t run_of_prediction_log(const std::string& file_name) {
  unsigned long long run = 0;
  unsigned block = 0, rank = 0;
  return std::sscanf(file_name.c_str(), "predictions-%u-%llu-%u", &block, &run, &rank) == 3 ? run : 0;
}

}  // namespace fz::shard
