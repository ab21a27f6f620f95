// This machine's limits: int8 operations a second by instruction set, and bytes a second from memory; one core and all.
//   roofline [THREADS]
// Prints one JSON object. Each figure is the best of several short runs: what the machine can do when left alone.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/machine.h"
#include "bench/peak/peak.h"
#include "model/backend.h"
#include "model/packed_matrix.h"

namespace {

constexpr int kRuns = 7;
constexpr double kSecondsOfRun = 0.1;
constexpr std::size_t kReadBytes = std::size_t{256} << 20;  // of each thread: beyond every cache
constexpr std::size_t kStride = 64;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The most of body(thread) a second that `threads` threads do together.
template <typename Body>
double best_rate(int threads, const Body& body) {
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<double> rates(static_cast<std::size_t>(threads));
    std::atomic<int> waiting{threads};
    std::vector<std::thread> workers;
    for (int thread = 0; thread < threads; ++thread) {
      workers.emplace_back([&, thread] {
        --waiting;
        while (waiting > 0) {
        }
        const auto start = std::chrono::steady_clock::now();
        const double done = body(thread);
        rates[static_cast<std::size_t>(thread)] = done / seconds_since(start);
      });
    }
    for (std::thread& worker : workers) worker.join();
    double sum = 0;
    for (const double rate : rates) sum += rate;
    best = std::max(best, sum);
  }
  return best;
}

double operations_a_second(fz::bench::PeakLoop loop, int threads) {
  std::uint64_t rounds = 1000;
  for (;; rounds *= 4) {
    const auto start = std::chrono::steady_clock::now();
    loop(rounds);
    if (seconds_since(start) > kSecondsOfRun / 4) break;
  }
  return best_rate(threads, [&](int) { return loop(rounds * 4); });
}

double bytes_a_second(int threads) {
  std::vector<fz::AlignedArray<std::uint64_t>> arrays;
  for (int thread = 0; thread < threads; ++thread) arrays.emplace_back(kReadBytes / sizeof(std::uint64_t));
  return best_rate(threads, [&](int thread) {
    const std::uint64_t* data = arrays[static_cast<std::size_t>(thread)].data();
    std::uint64_t sum = 0;  // one value of each cache line: every line comes from memory
    for (std::size_t i = 0; i < kReadBytes / sizeof(std::uint64_t); i += kStride / sizeof(std::uint64_t))
      sum += data[i];
    __asm__ volatile("" : : "r"(sum));
    return static_cast<double>(kReadBytes);
  });
}

struct Loop {
  const char* backend;
  const char* name;
  fz::bench::PeakLoop loop;
};
constexpr Loop kLoops[] = {{"avx2", "AVX2, vpmaddwd", fz::bench::peak_avx2_pairs},
                           {"avx2", "AVX2, vpmaddubsw with signs", fz::bench::peak_avx2_signs},
                           {"avx512vnni", "AVX-512 VNNI, vpdpbusd", fz::bench::peak_avx512vnni},
                           {"amx", "AMX, tdpbssd", fz::bench::peak_amx}};

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : fz::count_cores(fz::allowed_cores());
  std::printf("{\"threads\": %d, \"loops\": [", threads);
  const char* separator = "";
  for (const Loop& loop : kLoops) {
    for (const fz::model::Backend& backend : fz::model::backends()) {
      if (backend.name != loop.backend || !backend.is_available) continue;
      std::printf("%s\n  {\"backend\": \"%s\", \"name\": \"%s\", \"one\": %.4g, \"all\": %.4g}", separator,
                  loop.backend, loop.name, operations_a_second(loop.loop, 1), operations_a_second(loop.loop, threads));
      separator = ",";
      std::fflush(stdout);
    }
  }
  std::printf("],\n \"read_one\": %.4g, \"read_all\": %.4g}\n", bytes_a_second(1), bytes_a_second(threads));
  return 0;
}
