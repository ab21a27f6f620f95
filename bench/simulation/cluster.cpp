#include "simulation/cluster.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>
#include <random>

#include "base/error.h"
#include "comm/transport.h"

namespace fz::simulation {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kTickSeconds = 1;  // the dispatcher looks ten times as often
constexpr double kCheapness = 0.01;
constexpr std::size_t kCommitBlocks = 1024;  // what a thousand busy ranks report during one sync

struct SimulatedRank {
  double speed = 1;
  double death_seconds = kNever;
  std::vector<BlockId> blocks;  ///< At work on.
  std::uint64_t work = 0;       ///< Numbers its assignments, so that an end of an earlier one is not taken for this.
};

struct Event {
  double seconds = 0;
  std::uint32_t rank = 0;
  std::uint64_t work = 0;
  bool operator>(const Event& other) const {
    return seconds != other.seconds ? seconds > other.seconds : rank > other.rank;
  }
};

comm::Message over_the_wire(const comm::Message& message) {
  return comm::parse_message(comm::serialize(message));
}

class Simulation {
 public:
  Simulation(const Cluster& cluster, const std::function<void(std::span<const BlockId>)>& commit)
      : cluster_(cluster),
        commit_(commit),
        random_(cluster.seed),
        scheduler_(make_items(), cluster.ranks, cluster.rules) {
    make_ranks();
  }

  Outcome run() {
    for (std::uint32_t rank = 0; rank < ranks_.size(); ++rank)
      arrive(rank, comm::Ready{cluster_.blocks_at_once, 64}, 0);
    double next_tick = kTickSeconds;
    double next_beat = 0;
    const double beat_seconds = comm::Patience{.silence_seconds = cluster_.rules.silence_seconds}.beat_seconds();
    while (!scheduler_.all_blocks_done()) {
      const double event_seconds = events_.empty() ? kNever : events_.top().seconds;
      if (event_seconds <= next_tick) {
        const Event event = events_.top();
        events_.pop();
        finish_work(event);
        continue;
      }
      if (next_tick >= next_beat) {
        next_beat = next_tick + beat_seconds;
        for (std::uint32_t rank = 1; rank < ranks_.size(); ++rank) {
          if (ranks_[rank].death_seconds > next_tick) arrive(rank, comm::Alive{}, next_tick);
        }
      }
      send(scheduler_.on_time(next_tick), next_tick);
      next_tick += kTickSeconds;
    }
    flush();
    outcome_.set_aside = scheduler_.set_aside().size();
    return outcome_;
  }

 private:
  std::vector<coordinator::WorkItem> make_items() {
    std::normal_distribution<double> logarithm(0, cluster_.block_spread);
    std::vector<coordinator::WorkItem> items;
    items.reserve(cluster_.blocks);
    costs_.reserve(cluster_.blocks);
    const auto cheap = static_cast<std::uint32_t>(cluster_.cheap_fraction * cluster_.blocks);
    for (std::uint32_t i = 0; i < cluster_.blocks; ++i) {
      const bool is_cheap = i >= cluster_.blocks - cheap;
      const double seconds = cluster_.mean_block_seconds * (is_cheap ? kCheapness : 1) * std::exp(logarithm(random_));
      costs_.push_back(static_cast<float>(seconds));
      outcome_.one_rank_seconds += costs_.back();
      items.push_back({BlockId{i}, is_cheap});
    }
    return items;
  }

  void make_ranks() {
    std::normal_distribution<double> speed(1, cluster_.rank_spread);
    std::uniform_real_distribution<double> uniform(0, 1);
    ranks_.resize(static_cast<std::size_t>(cluster_.ranks));
    double sum = 0;
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      ranks_[i].speed = std::max(speed(random_), 0.2);
      if (i > 0 && uniform(random_) < cluster_.straggler_fraction) ranks_[i].speed /= cluster_.straggler_slowness;
      sum += ranks_[i].speed;
    }
    const double without_deaths = outcome_.one_rank_seconds / sum;
    for (std::size_t i = 1; i < ranks_.size(); ++i) {
      if (uniform(random_) >= cluster_.death_fraction) continue;
      ranks_[i].death_seconds = uniform(random_) * without_deaths;
      ++outcome_.deaths;
    }
    outcome_.ideal_seconds = ideal_seconds(sum);
  }

  /// When the ranks have done all the work, if each works until its death.
  double ideal_seconds(double speed) const {
    std::vector<std::pair<double, double>> deaths;
    for (const SimulatedRank& rank : ranks_) {
      if (rank.death_seconds != kNever) deaths.emplace_back(rank.death_seconds, rank.speed);
    }
    std::sort(deaths.begin(), deaths.end());
    double left = outcome_.one_rank_seconds;
    double now = 0;
    for (const auto& [seconds, lost_speed] : deaths) {
      if (left <= (seconds - now) * speed) break;
      left -= (seconds - now) * speed;
      now = seconds;
      speed -= lost_speed;
    }
    return now + left / speed;
  }

  void finish_work(const Event& event) {
    SimulatedRank& rank = ranks_[event.rank];
    if (rank.death_seconds <= event.seconds || rank.work != event.work) return;
    const double now = event.seconds + cluster_.message_seconds;
    for (const BlockId block : std::exchange(rank.blocks, {})) arrive(event.rank, comm::BlockDone{block, 1, 1}, now);
    send(scheduler_.after_done(now), now);
    arrive(event.rank, comm::Ready{cluster_.blocks_at_once, 64}, now);
  }

  void arrive(std::uint32_t from, const comm::Message& sent, double now) {
    const Rank rank{from};
    const comm::Message message = over_the_wire(sent);
    scheduler_.on_heard(rank, now);
    if (const auto* done = std::get_if<comm::BlockDone>(&message)) {
      if (!scheduler_.on_block_done(rank, done->block, now)) return;
      outcome_.finish_seconds = now;
      done_.push_back(done->block);
      if (done_.size() >= kCommitBlocks) flush();
    } else if (const auto* ready = std::get_if<comm::Ready>(&message)) {
      send(scheduler_.on_ready(rank, *ready, now), now);
    }
  }

  void send(const std::vector<coordinator::Outgoing>& outgoing, double now) {
    for (const auto& [to, sent] : outgoing) {
      const comm::Message message = over_the_wire(sent);
      const auto* assign = std::get_if<comm::Assign>(&message);
      SimulatedRank& rank = ranks_[number(to)];
      if (assign == nullptr) continue;
      outcome_.blocks_dealt += assign->blocks.size();
      double seconds = 0;
      for (const BlockId block : assign->blocks) seconds += costs_[number(block)];
      rank.blocks = assign->blocks;
      events_.push({now + cluster_.message_seconds + seconds / rank.speed, number(to), ++rank.work});
    }
  }

  void flush() {
    if (commit_ && !done_.empty()) commit_(done_);
    done_.clear();
  }

  const Cluster& cluster_;
  const std::function<void(std::span<const BlockId>)>& commit_;
  std::mt19937 random_;
  Outcome outcome_;
  std::vector<float> costs_;
  coordinator::Scheduler scheduler_;
  std::vector<SimulatedRank> ranks_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<BlockId> done_;
};

}  // namespace

Outcome run(const Cluster& cluster, const std::function<void(std::span<const BlockId>)>& commit) {
  return Simulation(cluster, commit).run();
}

}  // namespace fz::simulation
