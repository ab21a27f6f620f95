// What each part of the memory brings and costs: codes text with the model and the memory, once with everything and
// once without each part, and prints a Markdown table of the change in size and in the memory's time.
//   memory-ablation MODEL.fzm BYTES FILE...
// At most BYTES of each FILE; the model runs once for each, all variants use its probabilities. Sizes are the ideal
// code lengths (a range coder comes within 0.01 %); the times are of one thread and noisy.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "bench/bench_main.h"
#include "memory/memory.h"
#include "model/backend.h"
#include "model/model_file.h"
#include "model/tokenizer.h"
#include "shard/code_tree.h"
#include "shard/forced_decisions.h"

namespace {

using fz::memory::Memory;
using Part = Memory::Part;

struct Variant {
  std::string name;
  std::uint64_t left_out = 0;
};

std::uint64_t parts(Part part, std::initializer_list<int> indices) {
  std::uint64_t bits = 0;
  for (const int index : indices) bits |= Memory::part_bit(part, index);
  return bits;
}

/// Numbers are those of docs/numerics.md, less one.
std::vector<Variant> variants() {
  return {
      {"everything", 0},
      {"history: nothing but the tree", parts(Part::kHistory, {0})},
      {"history: last token", parts(Part::kHistory, {1})},
      {"history: last two tokens", parts(Part::kHistory, {2})},
      {"history: second and third last token", parts(Part::kHistory, {3})},
      {"history: word, last token", parts(Part::kHistory, {4})},
      {"history: word, word before", parts(Part::kHistory, {5})},
      {"history: tokens above, column", parts(Part::kHistory, {6})},
      {"history: line's first token, column, last token", parts(Part::kHistory, {7})},
      {"history: field, line's first token", parts(Part::kHistory, {8})},
      {"history: last 3, 5, 7 bytes", parts(Part::kHistory, {9, 10, 11})},
      {"all contexts of lines and fields", parts(Part::kHistory, {6, 7, 8}) | parts(Part::kCandidate, {3, 4, 5})},
      {"all histories", parts(Part::kHistory, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})},
      {"candidates: 2, 3, 6 tokens", parts(Part::kCandidate, {0, 1, 2})},
      {"candidates: above, column, field", parts(Part::kCandidate, {3, 4, 5})},
      {"candidates: word, word before", parts(Part::kCandidate, {6})},
      {"all candidates", parts(Part::kCandidate, {0, 1, 2, 3, 4, 5, 6})},
      {"matches of 24 and 12", parts(Part::kMatch, {0, 1})},
      {"all matches", parts(Part::kMatch, {0, 1, 2})},
      {"weights by match and model's confidence", parts(Part::kMixer, {0})},
      {"weights by what is known", parts(Part::kMixer, {1})},
      {"weights by the token so far", parts(Part::kMixer, {2})},
      {"weights by the last token", parts(Part::kMixer, {3})},
      {"weights by field", parts(Part::kMixer, {4})},
      {"all weight sets but the first", parts(Part::kMixer, {1, 2, 3, 4})},
      {"refinement", parts(Part::kRefinement, {0, 1})},
  };
}

struct Sample {
  fz::shard::TokenBlock block;
  std::vector<fz::memory::Probability> zeros;  // [token, level]
};

struct Coder {
  explicit Coder(const char* model_path, fz::ThreadPool& pool)
      : model(fz::model::load_model(model_path)),
        tokenizer(model->tokenizer, model->name),
        engine(model, fz::model::choose_kernels(""), pool),
        alphabet(fz::memory::Alphabet::of_tokens(
            model->config.vocabulary_size, [&](fz::memory::Symbol token) { return tokenizer.token_bytes(token); })) {}
  std::shared_ptr<const fz::model::Model> model;
  fz::model::Tokenizer tokenizer;
  fz::model::Engine engine;
  fz::memory::Alphabet alphabet;
};

Sample read_sample(Coder& coder, const char* path, std::size_t most_bytes) {
  fz::Bytes raw = fz::read_file(path, std::uint64_t{1} << 32);
  raw.resize(std::min(raw.size(), most_bytes));
  Sample sample;
  sample.block =
      fz::shard::cut_tokens(coder.tokenizer.encode(raw), fz::shard::Chunking::of_context(coder.model->config.context));
  const std::size_t count = sample.block.tokens.size();
  const auto depth = static_cast<std::size_t>(coder.alphabet.depth());
  sample.zeros.resize(count * depth);
  fz::shard::ForcedDecisions forced(coder.engine, {&sample.block, 1});
  for (std::uint32_t start = 0; start < fz::shard::longest_lane(sample.block.lanes); start += forced.window()) {
    forced.predict(start);
    for (std::size_t lane = 0; lane < sample.block.lanes.size(); ++lane) {
      for (std::uint32_t i = 0; i < forced.window(); ++i) {
        const std::uint32_t index = sample.block.lanes[lane].begin + start + i;
        if (index >= sample.block.lanes[lane].end) break;
        std::copy_n(forced.decisions(0, lane, i), depth,
                    sample.zeros.begin() + static_cast<std::ptrdiff_t>(index * depth));
      }
    }
  }
  return sample;
}

struct Measured {
  double bytes = 0;
  double seconds = 0;
};

Measured code(const Coder& coder, const Sample& sample, std::uint64_t left_out, bool with_memory) {
  const auto start = std::chrono::steady_clock::now();
  const auto depth = static_cast<std::size_t>(coder.alphabet.depth());
  Memory memory(coder.alphabet, sample.block.lanes,
                {.with_model = true, .rules = fz::memory::kTokenRules3, .left_out = left_out});
  double bits = 0;
  for (std::uint32_t step = 0; step < fz::shard::longest_lane(sample.block.lanes); ++step) {
    for (std::size_t lane = 0; lane < sample.block.lanes.size(); ++lane) {
      const std::uint32_t index = sample.block.lanes[lane].begin + step;
      if (index >= sample.block.lanes[lane].end) continue;
      const auto* const zeros = sample.zeros.data() + index * depth;
      if (with_memory) memory.prepare(lane);
      fz::shard::walk_to_token(coder.alphabet.count(), sample.block.tokens[index], [&](int level, unsigned bit) {
        const double zero = with_memory ? memory.mix(lane, level, zeros[level]) : zeros[level];
        if (with_memory) memory.learn(lane, bit);
        bits -= std::log2((bit != 0 ? 65536 - zero : zero) / 65536);
      });
    }
    if (with_memory) memory.end_step(nullptr);
  }
  return {bits / 8, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

int run(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: memory-ablation MODEL.fzm BYTES FILE...\n");
    return 2;
  }
  fz::ThreadPool pool(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  Coder coder(argv[1], pool);
  std::vector<Sample> samples;
  std::printf("| without |");
  for (int i = 3; i < argc; ++i) {
    const std::string path = argv[i];
    std::printf(" %s |", path.substr(path.rfind('/') + 1).c_str());
    samples.push_back(read_sample(coder, argv[i], std::stoul(argv[2])));
  }
  std::printf(" mean | memory's time |\n| --- |");
  for (std::size_t i = 0; i < samples.size() + 2; ++i) std::printf(" ---: |");
  std::printf("\n");
  std::vector<Measured> whole;
  const auto print = [&](const std::string& name, const std::vector<Measured>& row) {
    double change = 0, seconds = 0, whole_seconds = 0;
    std::printf("| %s |", name.c_str());
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::printf(" %+.2f %% |", (row[i].bytes / whole[i].bytes - 1) * 100);
      change += (row[i].bytes / whole[i].bytes - 1) * 100 / static_cast<double>(row.size());
      seconds += row[i].seconds;
      whole_seconds += whole[i].seconds;
    }
    std::printf(" %+.2f %% | %+.0f %% |\n", change, (seconds / whole_seconds - 1) * 100);
    std::fflush(stdout);
  };
  for (const Variant& variant : variants()) {
    std::vector<Measured> row;
    for (const Sample& sample : samples) row.push_back(code(coder, sample, variant.left_out, true));
    if (whole.empty()) {
      whole = row;
      std::printf("| %s, bytes |", variant.name.c_str());
      double seconds = 0, tokens = 0;
      for (std::size_t i = 0; i < row.size(); ++i) {
        std::printf(" %.0f |", row[i].bytes);
        seconds += row[i].seconds;
        tokens += static_cast<double>(samples[i].block.tokens.size());
      }
      std::printf(" | %.1f µs a token |\n", seconds / tokens * 1e6);
    } else {
      print(variant.name, row);
    }
  }
  std::vector<Measured> alone;
  for (const Sample& sample : samples) alone.push_back(code(coder, sample, 0, false));
  print("the whole memory", alone);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return fz::bench::bench_main("memory-ablation", run, argc, argv);
}
