// The task of compressing: reads a block's bytes from the corpus, codes them and appends them to this rank's shard
// file.
#include <algorithm>
#include <optional>

#include "base/file.h"
#include "shard/corpus_reader.h"
#include "shard/shard_file.h"
#include "worker/tasks.h"

namespace fz::worker {
namespace {

constexpr std::uint64_t kMaxPlanBytes = std::uint64_t{1} << 34;
constexpr std::uint64_t kMaxBatchBytes = std::uint64_t{256} << 20;

class CompressTask final : public Task {
 public:
  CompressTask(CompressSettings settings, Resources resources)
      : settings_(std::move(settings)), resources_(std::move(resources)) {}

  void begin(const comm::Begin& begin, Rank rank) override {
    if (begin.run == 0) return;  // an earlier run had done everything; the job directory is gone
    const std::filesystem::path path = settings_.job_directory / shard::kPlanName;
    plan_ = shard::parse_plan(read_file(path, kMaxPlanBytes), path.string());
    reader_.emplace(plan_);
    run_ = begin.run;
    rank_ = rank;
  }

  std::uint32_t capacity() const override {
    const std::uint64_t fit = kMaxBatchBytes / plan_.block_bytes;
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(fit, 1, static_cast<std::uint64_t>(resources_.pool->threads())));
  }

  void process(std::span<const BlockId> blocks, const Report& report) override {
    if (!writer_) writer_.emplace(settings_.job_directory, run_, rank_);
    std::vector<shard::EncodedBlock> encoded(blocks.size());
    if (blocks.size() == 1) {
      encoded[0] = encode(blocks[0], resources_.pool.get());
    } else {
      resources_.pool->parallel_for(blocks.size(),
                                    [&](std::size_t i, int) { encoded[i] = encode(blocks[i], nullptr); });
    }
    for (const shard::EncodedBlock& block : encoded) {
      const shard::BlockPlace place = writer_->append(block);
      report({block.header.id, place.offset_bytes, place.stored_bytes});
    }
  }

 private:
  /// Text blocks come one at a time: the codec is not shared.
  shard::EncodedBlock encode(BlockId id, ThreadPool* pool) {
    if (number(id) >= plan_.blocks.size())
      fail(ErrorCode::kLaunch, "rank {}: asked for an unknown block", number(rank_));
    const shard::PlanBlock& range = plan_.blocks[number(id)];
    const Bytes raw = reader_->read(range);
    shard::TextCodec* const text = plan_.uses_model(range) ? &text_codec() : nullptr;
    shard::EncodedBlock block = shard::encode_block(id, range.raw_offset, raw, text, plan_.coder, pool);
    if (settings_.check_decode) shard::decode_block(block.header, block.payload, text, "check of the new archive");
    return block;
  }

  shard::TextCodec& text_codec() {
    if (!text_) {
      text_ = resources_.make_text_codec();
      if (text_->identity() != plan_.model) {
        fail(ErrorCode::kModel, "rank {}: has another model than rank 0; give all ranks the same --model",
             number(rank_));
      }
    }
    return *text_;
  }

  CompressSettings settings_;
  Resources resources_;
  shard::Plan plan_;
  std::optional<shard::CorpusReader> reader_;
  std::optional<shard::ShardWriter> writer_;
  std::unique_ptr<shard::TextCodec> text_;
  std::uint64_t run_ = 0;
  Rank rank_{};
};

}  // namespace

std::unique_ptr<Task> make_compress_task(CompressSettings settings, Resources resources) {
  return std::make_unique<CompressTask>(std::move(settings), std::move(resources));
}

}  // namespace fz::worker
