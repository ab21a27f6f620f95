// fz-dist bench: what each way of coding makes of a sample of the user's files, on this machine; every result is
// decoded and compared. One process, main thread; nothing is written.
#include <algorithm>
#include <array>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/display.h"
#include "cli/commands.h"
#include "cli/corpus_samples.h"
#include "cli/session.h"
#include "coordinator/planning.h"
#include "coordinator/scan.h"
#include "shard/fallback_codecs.h"

namespace fz::cli {
namespace {

using shard::Codec;
using shard::Direction;
using shard::Kind;
using shard::RawBlock;
using shard::StoredBlock;

struct Way {
  const char* name;
  const char* description;  // as options of compress
  bool with_model;
  bool by_default;
};

constexpr std::array kWays = {
    Way{"mixed", "compress", true, true},
    Way{"range", "compress --coder range", true, true},
    Way{"ranks", "compress --coder ranks", true, false},
    Way{"quick", "compress --model none", false, true},
    Way{"thorough", "compress --model none --thorough", false, true},
    Way{"zstd", "zstd -19", false, true},
    Way{"bzip2", "bzip2 -9", false, true},
};

struct BenchOptions {
  std::vector<std::string> inputs;
  std::vector<std::string> ways;  ///< Names; empty: those that are measured by default.
  std::uint64_t limit_bytes = std::uint64_t{1} << 20;
  bool json = false;
  WorkOptions work;
};

struct Sample {
  std::vector<RawBlock> text;
  std::vector<RawBlock> binary;
  std::uint64_t text_bytes = 0;
  std::uint64_t binary_bytes = 0;
  std::uint32_t block_bytes = 0;  ///< Of whole blocks of the corpus.

  std::uint64_t bytes() const { return text_bytes + binary_bytes; }
};

struct Measurement {
  std::uint64_t stored_bytes = 0;
  double compress_seconds = 0;
  double restore_seconds = 0;
  std::uint64_t memory_bytes = 0;  ///< Of compress with whole blocks: an upper bound.
};

constexpr std::uint64_t kLeastBytes = 64u << 10;
/// A large corpus is sampled at so many places, so that it does not matter which of its parts comes first.
constexpr std::uint64_t kPieces = 4;

/// Pieces as long as blocks where the limit allows the whole corpus; else pieces of both kinds, as much of each as the
/// corpus has.
Sample take_sample(const BenchOptions& options, const Context& context) {
  const auto warn = [&context](const std::string& text) { context.warn(text); };
  const shard::Plan plan = coordinator::make_plan(coordinator::scan(options.inputs, {}, warn), {});
  const std::uint64_t corpus_bytes = plan.corpus_bytes();
  if (corpus_bytes == 0) fail(ErrorCode::kInput, "bench: the inputs hold no bytes");
  const bool takes_all = corpus_bytes <= options.limit_bytes;
  const auto piece_bytes = static_cast<std::uint32_t>(
      takes_all ? plan.block_bytes : std::min<std::uint64_t>(options.limit_bytes / kPieces, plan.block_bytes));
  const auto take = [&](Kind kind, std::uint64_t& bytes) {
    const double part = static_cast<double>(range_of(plan, kind).size_bytes) / static_cast<double>(corpus_bytes);
    const double pieces = static_cast<double>(options.limit_bytes) / piece_bytes * part;
    const std::uint64_t most = takes_all ? UINT64_MAX : static_cast<std::uint64_t>(std::max(1.0, pieces));
    std::vector<RawBlock> blocks = read_samples(plan, kind, piece_bytes, most);
    for (const RawBlock& block : blocks) bytes += block.raw.size();
    return blocks;
  };
  Sample sample;
  sample.block_bytes = plan.block_bytes;
  sample.text = take(Kind::kText, sample.text_bytes);
  sample.binary = take(Kind::kBinary, sample.binary_bytes);
  return sample;
}

class Bench {
 public:
  Bench(const Sample& sample, Workplace& workplace) : sample_(sample), workplace_(workplace) {}

  Measurement measure(const Way& way) {
    shard::TextCodec* const text = way.with_model && !sample_.text.empty() ? &workplace_.load_model() : nullptr;
    Measurement measured;
    code(way, sample_.text, text, measured);
    code(way, sample_.binary, nullptr, measured);
    return measured;
  }

 private:
  shard::Footprint footprint(Direction direction, shard::TextCodec* text, std::uint32_t block_bytes) {
    return text != nullptr ? text->footprint(direction, block_bytes)
                           : shard::cheap_footprint(direction, block_bytes, workplace_.threads());
  }

  std::vector<StoredBlock> encode(const Way& way, std::span<const RawBlock> blocks, shard::TextCodec* text) {
    const std::string name = way.name;
    if (name == "zstd" || name == "bzip2") {
      std::vector<StoredBlock> stored(blocks.size());
      workplace_.pool().parallel_for(blocks.size(), [&](std::size_t i, int) {
        const Bytes& raw = blocks[i].raw;
        stored[i] = name == "zstd" ? shard::store_as(blocks[i], Codec::kZstd, shard::zstd_compress(raw))
                                   : shard::store_as(blocks[i], Codec::kBzip2, shard::bzip2_compress(raw));
      });
      return stored;
    }
    shard::EncodeSettings settings;
    for (const shard::TokenCoder coder : shard::kTokenCoders) {
      if (name == shard::coder_name(coder)) settings.coder = coder;
    }
    if (name == "quick") settings.memory_coder = shard::MemoryCoder::kQuick;
    if (text != nullptr) settings.lane_limit = text->lane_limit(workplace_.memory_limit_bytes());
    return shard::encode_blocks(blocks, text, settings, workplace_.pool());
  }

  /// Both ways, as many blocks at a time as the memory limit allows.
  void code(const Way& way, std::span<const RawBlock> blocks, shard::TextCodec* text, Measurement& measured) {
    if (blocks.empty()) return;
    const std::uint64_t limit_bytes = workplace_.memory_limit_bytes();
    const shard::Footprint whole = footprint(Direction::kEncode, text, sample_.block_bytes);
    measured.memory_bytes =
        std::max(measured.memory_bytes, whole.fixed_bytes + whole.bytes_per_block * whole.blocks_within(limit_bytes));
    const auto piece_bytes = static_cast<std::uint32_t>(blocks.front().raw.size());
    const std::size_t at_once = std::min(footprint(Direction::kEncode, text, piece_bytes).blocks_within(limit_bytes),
                                         footprint(Direction::kDecode, text, piece_bytes).blocks_within(limit_bytes));
    for (std::size_t begin = 0; begin < blocks.size(); begin += at_once) {
      const std::span<const RawBlock> some = blocks.subspan(begin, std::min(at_once, blocks.size() - begin));
      const Stopwatch compress_watch;
      const std::vector<StoredBlock> stored = encode(way, some, text);
      measured.compress_seconds += compress_watch.seconds();
      const Stopwatch restore_watch;
      const std::vector<Bytes> restored = shard::decode_blocks(stored, text, "bench", workplace_.pool());
      measured.restore_seconds += restore_watch.seconds();
      for (std::size_t i = 0; i < some.size(); ++i) {
        FZ_CHECK(restored[i] == some[i].raw);
        measured.stored_bytes += shard::kBlockHeaderBytes + stored[i].payload.size();
      }
    }
  }

  const Sample& sample_;
  Workplace& workplace_;
};

double bits_per_byte(const Sample& sample, const Measurement& measured) {
  return 8 * static_cast<double>(measured.stored_bytes) / static_cast<double>(sample.bytes());
}

double bytes_per_second(const Sample& sample, double seconds) {
  return static_cast<double>(sample.bytes()) / std::max(seconds, 1e-9);
}

std::string table_row(const Way& way, const Sample& sample, const Measurement& measured) {
  return fmt::format("{:<34}{:>12}{:>9.3f}{:>12.3f}{:>12.1f}{:>12.1f}{:>12}\n", way.description, measured.stored_bytes,
                     static_cast<double>(sample.bytes()) / static_cast<double>(measured.stored_bytes),
                     bits_per_byte(sample, measured), bytes_per_second(sample, measured.compress_seconds) / 1000,
                     bytes_per_second(sample, measured.restore_seconds) / 1000, display_size(measured.memory_bytes));
}

std::string table_head(const Sample& sample, const std::string& workers) {
  return fmt::format("sample: {} bytes of text, {} binary, in {} pieces; {}\n", sample.text_bytes, sample.binary_bytes,
                     sample.text.size() + sample.binary.size(), workers) +
         fmt::format("{:<34}{:>12}{:>9}{:>12}{:>12}{:>12}{:>12}\n", "", "bytes", "ratio", "bits/byte", "KB/s in",
                     "KB/s out", "memory");
}

nlohmann::ordered_json row_json(const Way& way, const Sample& sample, const Measurement& measured) {
  return {{"way", way.name},
          {"stored_bytes", measured.stored_bytes},
          {"bits_per_byte", bits_per_byte(sample, measured)},
          {"compress_bytes_per_second", bytes_per_second(sample, measured.compress_seconds)},
          {"restore_bytes_per_second", bytes_per_second(sample, measured.restore_seconds)},
          {"memory_bytes", measured.memory_bytes}};
}

/// Without a model those that need one are left out, unless they were asked for.
std::vector<Way> ways_of(const BenchOptions& options) {
  const bool has_model = options.work.model_path != kNoModel;
  std::vector<Way> ways;
  for (const Way& way : kWays) {
    const bool is_named = std::find(options.ways.begin(), options.ways.end(), way.name) != options.ways.end();
    if (is_named && way.with_model && !has_model) {
      fail(ErrorCode::kUsage, "bench: --ways {} is for a model, and --model is none; leave out one of them", way.name);
    }
    if (is_named || (options.ways.empty() && way.by_default && (has_model || !way.with_model))) ways.push_back(way);
  }
  return ways;
}

void bench(const BenchOptions& options, const Context& context) {
  if (const int ranks = context.world.size(); ranks > 1) {
    fail(ErrorCode::kLaunch, "bench: measures one process, but {} ranks run together; start it without mpirun", ranks);
  }
  const std::vector<Way> ways = ways_of(options);
  Workplace workplace(context, options.work);
  const Sample sample = take_sample(options, context);
  const bool has_table = !options.json && !options.work.quiet;
  if (has_table) context.out << table_head(sample, describe_ranks(context, workplace.threads())) << std::flush;
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  Bench measuring(sample, workplace);
  for (const Way& way : ways) {
    const Measurement measured = measuring.measure(way);
    if (has_table) context.out << table_row(way, sample, measured) << std::flush;
    rows.push_back(row_json(way, sample, measured));
  }
  if (!options.json) return;
  const nlohmann::ordered_json object = {{"text_bytes", sample.text_bytes},
                                         {"binary_bytes", sample.binary_bytes},
                                         {"pieces", sample.text.size() + sample.binary.size()},
                                         {"threads", workplace.threads()},
                                         {"ways", rows}};
  context.out << object.dump(2) << '\n';
}

std::string names_of_ways(const char* separator, bool by_default) {
  std::string names;
  for (const Way& way : kWays) {
    if (way.by_default || !by_default) names += (names.empty() ? "" : separator) + std::string(way.name);
  }
  return names;
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  const auto options = std::make_shared<BenchOptions>();
  CLI::App* const command = app.add_subcommand("bench", "Measure sizes and speeds on a sample of your files");
  command->footer(
      "Everything is decoded again and compared; nothing is written. Sizes are those of blocks with their headers, as "
      "in\n"
      "an archive; memory is what 'compress' may take with whole blocks. Pieces of a larger corpus come out larger "
      "than\n"
      "its whole blocks. The machine should be idle.");
  command->add_option("INPUT", options->inputs, "Files and directories")->required()->check(check_not_braces);
  std::vector<std::string> names;
  for (const Way& way : kWays) names.emplace_back(way.name);
  command
      ->add_option("--ways", options->ways,
                   "What to measure, separated by commas: " + names_of_ways(", ", false) +
                       "; default: " + names_of_ways(", ", true))
      ->type_name("WAY,...")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  command
      ->add_option("--limit", options->limit_bytes,
                   "Raw bytes to take, at least 64KiB; default: 1MiB. All of a corpus up to this size")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(kLeastBytes, std::uint64_t{1} << 40));
  command->add_flag("--json", options->json, "As JSON, for programs");
  add_work_options(*command, options->work);
  command->callback([options, &context] {
    context.chosen = with_reports(context, options->work, [options, &context] { bench(*options, context); });
  });
}

}  // namespace fz::cli
