// What exact integers cost: the coded size of files (model alone) beside the float model's cross-entropy, with the
// speed of both directions. Every file is decoded again and compared.
//   integer-cost MODEL.fzm REFERENCE.tsv DIRECTORY [THREADS]
// REFERENCE.tsv: header line, then file, bytes, tokens, float cross-entropy in bytes, separated by tabs.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/file.h"
#include "bench/bench_main.h"
#include "model/model_file.h"
#include "shard/language_model_codec.h"

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int run(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: integer-cost MODEL.fzm REFERENCE.tsv DIRECTORY [THREADS]\n");
    return 2;
  }
  const auto pool = std::make_shared<fz::ThreadPool>(argc > 4 ? std::atoi(argv[4]) : 1);
  fz::shard::LanguageModelCodec codec(fz::model::load_model(argv[1]), pool);
  std::printf("backend %s, %d threads\n", codec.backend_name(), pool->threads());
  std::printf("%-60s %9s %9s %9s %8s %6s %6s\n", "file", "bytes", "float", "coded", "cost", "enc", "dec");
  std::ifstream reference(argv[2]);
  std::string line;
  std::getline(reference, line);
  bool all_within = true;
  double total_raw = 0, total_encode = 0, total_decode = 0, total_float = 0, total_coded = 0;
  while (std::getline(reference, line)) {
    std::istringstream fields(line);
    std::string file, bytes, tokens, cross_entropy;
    std::getline(fields, file, '\t');
    std::getline(fields, bytes, '\t');
    std::getline(fields, tokens, '\t');
    std::getline(fields, cross_entropy, '\t');
    const fz::Bytes raw = fz::read_file(std::string(argv[3]) + "/" + file, 1u << 30);
    auto start = std::chrono::steady_clock::now();
    const fz::Bytes payload = codec.encode_one(raw, {fz::shard::TokenCoder::kRange});
    const double encode_seconds = seconds_since(start);
    start = std::chrono::steady_clock::now();
    const fz::Bytes decoded =
        codec.decode_one({payload, static_cast<std::uint32_t>(raw.size()), fz::shard::Codec::kOverlappingRange, file});
    const double decode_seconds = seconds_since(start);
    if (decoded != raw) {
      std::printf("%s: decoded bytes differ\n", file.c_str());
      return 1;
    }
    const double expected = std::stod(cross_entropy);
    const bool within = static_cast<double>(payload.size()) <= expected * 1.003 + 20;
    all_within = all_within && within;
    total_raw += static_cast<double>(raw.size());
    total_encode += encode_seconds;
    total_decode += decode_seconds;
    total_float += expected;
    total_coded += static_cast<double>(payload.size());
    std::printf("%-60.60s %9zu %9.0f %9zu %+7.3f%% %6.1f %6.1f%s\n", file.c_str(), raw.size(), expected, payload.size(),
                (static_cast<double>(payload.size()) / expected - 1) * 100,
                static_cast<double>(raw.size()) / encode_seconds / 1e3,
                static_cast<double>(raw.size()) / decode_seconds / 1e3, within ? "" : "  beyond 0.3 % + 20 bytes");
    std::fflush(stdout);
  }
  std::printf("%-60s %9.0f %9.0f %9.0f %+7.3f%% %6.1f %6.1f KB/s\n", "all", total_raw, total_float, total_coded,
              (total_coded / total_float - 1) * 100, total_raw / total_encode / 1e3, total_raw / total_decode / 1e3);
  return all_within ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return fz::bench::bench_main("integer-cost", run, argc, argv);
}
