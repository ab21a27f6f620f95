#include "cli/compress_estimate.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/display.h"
#include "base/interruption.h"
#include "cli/corpus_samples.h"
#include "cli/progress.h"
#include "shard/fallback_codecs.h"

namespace fz::cli {
namespace {

constexpr std::uint32_t kSampleBytes = 64u << 10;
constexpr std::uint64_t kSamplesOfKind = 6;
/// Of a block in the index, before zstd.
constexpr double kIndexBytesOfBlock = 8;

/// Adds what the blocks of one kind take.
void add_kind(CompressEstimate& estimate, const shard::Plan& plan, shard::Kind kind, Workplace& workplace, int ranks) {
  const KindRange range = range_of(plan, kind);
  if (range.blocks == 0) return;
  const std::vector<shard::RawBlock> samples = read_samples(plan, kind, kSampleBytes, kSamplesOfKind);
  const bool uses_model = kind == shard::Kind::kText && !plan.model.is_none();
  shard::TextCodec* const text = uses_model ? &workplace.load_model() : nullptr;
  throw_if_interrupted();
  const Stopwatch watch;
  const auto encoded = shard::encode_blocks(
      samples, text, {.coder = plan.coder, .memory_coder = plan.memory_coder, .lane_limit = plan.lane_limit},
      workplace.pool());
  const double seconds = watch.seconds();
  double raw_bytes = 0;
  double payload_bytes = 0;
  for (const shard::StoredBlock& block : encoded) {
    raw_bytes += block.header.raw_bytes;
    payload_bytes += block.header.payload_bytes;
  }
  const double scale = static_cast<double>(range.size_bytes) / raw_bytes;
  estimate.sampled_bytes += static_cast<std::uint64_t>(raw_bytes);
  estimate.archive_bytes +=
      payload_bytes * scale + static_cast<double>(range.blocks) * (shard::kBlockHeaderBytes + kIndexBytesOfBlock);
  estimate.seconds += seconds * scale / ranks;
  const shard::Footprint footprint =
      uses_model ? text->footprint(shard::Direction::kEncode, plan.block_bytes)
                 : shard::cheap_footprint(shard::Direction::kEncode, plan.block_bytes, workplace.threads());
  const std::uint64_t blocks_at_once = footprint.blocks_within(workplace.memory_limit_bytes());
  estimate.memory_bytes =
      std::max(estimate.memory_bytes, footprint.fixed_bytes + footprint.bytes_per_block * blocks_at_once);
}

std::string line(const char* name, const std::string& text) {
  return fmt::format("{:<15}{}\n", name, text);
}

}  // namespace

CompressEstimate estimate_compress(const shard::Plan& plan, Workplace& workplace, int ranks) {
  CompressEstimate estimate;
  for (const shard::Kind kind : {shard::Kind::kText, shard::Kind::kBinary}) {
    add_kind(estimate, plan, kind, workplace, ranks);
  }
  const Bytes table = shard::zstd_compress(shard::serialize_file_table(plan.file_entries()));
  estimate.archive_bytes += static_cast<double>(shard::kHeaderBytes + table.size() + shard::kFooterBytes);
  return estimate;
}

std::string plan_lines(const shard::Plan& plan) {
  std::array<std::uint64_t, 3> entries{};
  for (const shard::PlanEntry& entry : plan.entries) ++entries[static_cast<std::size_t>(entry.file.type)];
  const KindRange text = range_of(plan, shard::Kind::kText);
  const KindRange binary = range_of(plan, shard::Kind::kBinary);
  std::string lines;
  for (const shard::PlanInput& input : plan.inputs) lines += line("input", display_text(input.source));
  lines +=
      line("holds", fmt::format("{} files, {} directories, {} symbolic links", entries[0], entries[1], entries[2]));
  lines +=
      line("bytes", fmt::format("{}: {} of text, {} binary", plan.corpus_bytes(), text.size_bytes, binary.size_bytes));
  lines += line("blocks", fmt::format("{} of at most {}: {} text, {} binary", plan.blocks.size(),
                                      display_size(plan.block_bytes), text.blocks, binary.blocks));
  if (plan.model.is_none()) return lines + line("model", "none needed");
  lines +=
      line("model", fmt::format("weights {}, coder {}, at most {} lanes a block", to_hex(plan.model.weights_hash, 16),
                                shard::coder_name(plan.coder), std::min(plan.lane_limit, shard::kUsualLanes)));
  if (!plan.memorize.empty()) {
    lines += line("memorize", fmt::format("{}: what it takes and saves is not in these figures",
                                          plan.memorize.substr(0, plan.memorize.find(' '))));
  }
  return lines;
}

std::string estimate_lines(const shard::Plan& plan, const CompressEstimate& estimate, const std::string& ranks) {
  std::string lines;
  const auto archive_bytes = static_cast<std::uint64_t>(estimate.archive_bytes);
  lines += line("size", fmt::format("about {} bytes, ratio {:.2f}", archive_bytes,
                                    static_cast<double>(plan.corpus_bytes()) / estimate.archive_bytes));
  lines += line("time", fmt::format("about {} ({})", display_duration(estimate.seconds), ranks));
  lines += line("memory", fmt::format("at most {} for each process", display_size(estimate.memory_bytes)));
  if (estimate.sampled_bytes < plan.corpus_bytes()) {
    lines += line("based on", fmt::format("{} in samples of 64 KiB, coded here and now; whole blocks mostly come out "
                                          "smaller, other machines are as fast as they are",
                                          display_size(estimate.sampled_bytes)));
  } else {
    lines += line("based on", "all of it, coded here and now in pieces of 64 KiB");
  }
  return lines;
}

}  // namespace fz::cli
