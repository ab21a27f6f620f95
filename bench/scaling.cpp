// How the coordinator scales, without a cluster: `scaling schedule` runs the real scheduler and journal against ranks
// in virtual time, `scaling plan` scans and plans a corpus of many small files that exist nowhere. One JSON object
// each.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/profile.h"
#include "base/stopwatch.h"
#include "bench_main.h"
#include "coordinator/journal.h"
#include "coordinator/planning.h"
#include "simulation/cluster.h"
#include "simulation/small_files.h"

namespace fz::bench {
namespace {

constexpr const char* kUsage =
    "usage: scaling schedule RANKS BLOCKS [DEATHS STRAGGLERS [BLOCK_SECONDS]] | scaling plan FILES";

double peak_gigabytes() {
  return static_cast<double>(peak_memory_bytes()) * 1e-9;
}

void schedule(const std::vector<std::string>& arguments) {
  simulation::Cluster cluster;
  cluster.ranks = std::stoi(arguments.at(1));
  cluster.blocks = static_cast<std::uint32_t>(std::stoul(arguments.at(2)));
  if (arguments.size() > 4) {
    cluster.death_fraction = std::stod(arguments[3]);
    cluster.straggler_fraction = std::stod(arguments[4]);
  }
  if (arguments.size() > 5) cluster.mean_block_seconds = std::stod(arguments[5]);
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("scaling-journal-{}", ::getpid());
  simulation::Outcome outcome;
  double seconds = 0;
  {
    coordinator::Journal journal(path, {});
    std::vector<std::pair<BlockId, shard::BlockPlace>> places;
    const Stopwatch watch;
    outcome = simulation::run(cluster, [&](std::span<const BlockId> done) {
      places.clear();
      for (const BlockId block : done)
        places.push_back({block, {1, Rank{0}, number(block) * std::uint64_t{1000}, 1000}});
      journal.add_blocks(places);
    });
    seconds = watch.seconds();
  }
  std::filesystem::remove(path);
  fmt::print(
      "{{\"ranks\": {}, \"blocks\": {}, \"deaths\": {}, \"finish_seconds\": {:.3f}, \"ideal_seconds\": {:.3f}, "
      "\"one_rank_seconds\": {:.3f}, \"dealt\": {}, \"set_aside\": {}, \"wall_seconds\": {:.3f}, "
      "\"blocks_per_second\": {:.0f}, "
      "\"peak_gigabytes\": {:.3f}}}\n",
      cluster.ranks, cluster.blocks, outcome.deaths, outcome.finish_seconds, outcome.ideal_seconds,
      outcome.one_rank_seconds, outcome.blocks_dealt, outcome.set_aside, seconds, cluster.blocks / seconds,
      peak_gigabytes());
}

void plan(const std::vector<std::string>& arguments) {
  const simulation::SmallFiles files(std::stoull(arguments.at(1)));
  const Stopwatch watch;
  coordinator::ScanResult scanned = coordinator::scan(
      {files.root()}, {}, [](const std::string&) {}, files);
  const double scan_seconds = watch.seconds();
  const std::size_t entries = scanned.entries.size();
  const shard::Plan plan = coordinator::make_plan(std::move(scanned), {});
  const Bytes bytes = shard::serialize_plan(plan);
  const double plan_seconds = watch.seconds();
  const double plan_gigabytes = peak_gigabytes();
  const bool same = shard::parse_plan(bytes, "plan").entries.size() == entries;
  FZ_CHECK(same);
  fmt::print(
      "{{\"entries\": {}, \"blocks\": {}, \"scan_seconds\": {:.3f}, \"plan_seconds\": {:.3f}, \"plan_megabytes\": "
      "{:.1f}, "
      "\"plan_peak_gigabytes\": {:.3f}, \"with_reading_it_again_seconds\": {:.3f}, \"peak_gigabytes\": {:.3f}}}\n",
      entries, plan.blocks.size(), scan_seconds, plan_seconds, static_cast<double>(bytes.size()) * 1e-6, plan_gigabytes,
      watch.seconds(), peak_gigabytes());
}

int run(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() >= 3 && arguments[0] == "schedule") {
    schedule(arguments);
  } else if (arguments.size() == 2 && arguments[0] == "plan") {
    plan(arguments);
  } else {
    fail(ErrorCode::kUsage, "{}", kUsage);
  }
  return 0;
}

}  // namespace
}  // namespace fz::bench

int main(int argc, char** argv) {
  return fz::bench::bench_main("scaling", fz::bench::run, argc, argv);
}
