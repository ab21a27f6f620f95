// What the model has said of a block that is being coded or decoded, in the job's directory or a restore's staging
// directory (docs/format.md, "Directory of a job"): asking the model is most of the work, and a run that goes on where
// another was interrupted need not ask again (docs/adr/0020-a-block-is-gone-on-with.md). Owns the files of one block;
// one thread at a time. Losing any of it costs time only, so nothing here is synced, and what cannot be read or written
// is passed over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/ids.h"
#include "base/part.h"
#include "shard/archive_format.h"
#include "shard/lanes.h"

namespace fz::shard {

class PredictionLog {
 public:
  /// Whose log it is: one writer, one block.
  struct Writer {
    std::filesystem::path directory;
    std::optional<Part> part;  ///< That the run works on (JobPart).
    std::uint64_t run = 0;
    Rank rank{};
    /// Calls what writes, unless nothing may be written any more.
    std::function<void(const std::function<void()>&)> gate = [](const std::function<void()>& write) { write(); };
  };

  /// Finds what was written for the block before, by whomever. `identity`: of all but the chunks that the predictions
  /// depend on; files of another are passed over. `raw_bytes`: of the block, which has no more tokens.
  PredictionLog(Writer writer, BlockId block, const Hash16& identity, std::uint32_t raw_bytes);

  /// Chunks that read() can give.
  std::size_t known_chunks() const { return records_.size(); }
  /// The answers for a chunk, if they are there: exactly as many as `answers` takes.
  bool read(const ChunkPlace& chunk, std::span<std::uint16_t> answers);
  /// Keeps them for a later run. The first call makes the file.
  void append(const ChunkPlace& chunk, std::span<const std::uint16_t> answers);
  /// The block is done: removes its files, whoever wrote them.
  void remove();

 private:
  struct Record {
    std::size_t file = 0;
    std::uint64_t offset_bytes = 0;
    std::uint32_t size_bytes = 0;  ///< Of the answers.
  };

  void write(ByteSpan record);
  void find_records(File file, std::uint32_t raw_bytes);
  std::string own_name() const;

  Writer writer_;
  BlockId block_;
  Bytes head_;
  std::vector<File> files_;  ///< Of earlier writers.
  std::map<ChunkPlace, Record> records_;
  File own_;
  bool has_failed_ = false;  ///< Writes nothing more.
};

/// Of a block that is being decoded: what the predictions depend on.
Hash16 decoding_identity(const Header& archive, const BlockHeader& block);

/// What a coder is to keep while it works.
struct Checkpoints {
  std::span<PredictionLog> logs;  ///< One for each block, or none.
  /// Blocks that the model will take longer for are worth it.
  double after_seconds = 0;
};

/// Whether a file in a job directory is such a log.
bool is_prediction_log(std::string_view file_name);
/// The run that has left such a log, where nobody works on a part; 0: the name is another.
std::uint64_t run_of_prediction_log(const std::string& file_name);

}  // namespace fz::shard
