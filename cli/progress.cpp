#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <optional>

#include "base/display.h"
#include "cli/events.h"

namespace fz::cli {
namespace {

double period_seconds(ProgressStyle style) {
  switch (style) {
    case ProgressStyle::kLine:
      return 0.25;
    case ProgressStyle::kPlain:
      return 30;
    default:
      return 1;
  }
}

std::string plural(std::uint64_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

constexpr const char* kClearLine = "\r\x1b[K";

}  // namespace

ProgressStyle progress_style(const std::string& name, bool quiet, const std::ostream& err) {
  if (name == "line") return ProgressStyle::kLine;
  if (name == "plain") return ProgressStyle::kPlain;
  if (name == "json") return ProgressStyle::kJson;
  if (name == "none" || quiet || &err != &std::cerr) return ProgressStyle::kNone;
  return ::isatty(STDERR_FILENO) == 1 ? ProgressStyle::kLine : ProgressStyle::kPlain;
}

std::string display_duration(double seconds) {
  constexpr double kMostSeconds = 1e9;  // thirty years: "never" in other words
  const auto whole = static_cast<std::uint64_t>(std::lround(std::clamp(seconds, 0.0, kMostSeconds)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

/// What can be said at a moment.
struct Progress::Figures {
  double elapsed_seconds = 0;
  std::uint64_t done_bytes = 0;
  std::uint64_t bytes_in_work = 0;  ///< Of blocks that are not done.
  std::uint64_t done_blocks = 0;
  std::optional<double> bytes_per_second;  ///< Of this run; none before something is done.
  std::optional<double> seconds_left;
  std::optional<double> ratio;
};

double Progress::steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Progress::Progress(std::ostream& err, ProgressStyle style, ProgressJob job, bool verbose, Clock clock)
    : err_(err),
      style_(style),
      job_(std::move(job)),
      verbose_(verbose),
      clock_(std::move(clock)),
      start_seconds_(clock_()),
      // A rewritten line shows itself at once.
      next_seconds_(start_seconds_ + (style == ProgressStyle::kLine ? 0 : period_seconds(style))) {
  if (style_ == ProgressStyle::kPlain) err_ << text() + '\n' << std::flush;
  if (style_ == ProgressStyle::kJson) {
    write_event(err_, "begin",
                {{"verb", job_.verb},
                 {"ranks", job_.ranks},
                 {"total_bytes", job_.total_bytes},
                 {"total_blocks", job_.total_blocks},
                 {"reused_bytes", job_.reused_bytes},
                 {"reused_blocks", job_.reused_blocks}});
  }
}

Progress::~Progress() {
  if (line_is_shown_) err_ << kClearLine << std::flush;
}

void Progress::add_block(BlockId block, Rank rank, std::uint64_t raw_bytes, std::uint64_t stored_bytes) {
  new_bytes_ += raw_bytes;
  in_work_.erase(rank);
  new_stored_bytes_ += stored_bytes;
  ++new_blocks_;
  if (style_ == ProgressStyle::kJson) {
    nlohmann::ordered_json fields = {{"block", number(block)}, {"rank", number(rank)}, {"raw_bytes", raw_bytes}};
    if (job_.has_ratio) fields["stored_bytes"] = stored_bytes;
    write_event(err_, "block", fields);
  } else if (verbose_) {
    err_ << fmt::format("{}block {} ({} bytes) done by rank {}{}\n", line_is_shown_ ? kClearLine : "", number(block),
                        raw_bytes, number(rank),
                        job_.has_ratio ? fmt::format(": {} bytes", stored_bytes) : std::string());
  }
}

Progress::Figures Progress::figures() const {
  Figures figures;
  figures.elapsed_seconds = clock_() - start_seconds_;
  figures.done_bytes = std::min(job_.reused_bytes + new_bytes_, job_.total_bytes);
  figures.done_blocks = job_.reused_blocks + new_blocks_;
  // The last blocks are dealt twice: then it may seem to be more than there is.
  for (const auto& [rank, bytes] : in_work_) figures.bytes_in_work += bytes;
  figures.bytes_in_work = std::min(figures.bytes_in_work, job_.total_bytes - figures.done_bytes);
  if (const std::uint64_t worked_bytes = new_bytes_ + figures.bytes_in_work; worked_bytes > 0) {
    const double rate = static_cast<double>(worked_bytes) / std::max(figures.elapsed_seconds, 1e-3);
    figures.bytes_per_second = rate;
    figures.seconds_left = static_cast<double>(job_.total_bytes - figures.done_bytes - figures.bytes_in_work) / rate;
  }
  const std::uint64_t stored_bytes = job_.reused_stored_bytes + new_stored_bytes_;
  if (job_.has_ratio && stored_bytes > 0) {
    figures.ratio = static_cast<double>(figures.done_bytes) / static_cast<double>(stored_bytes);
  }
  return figures;
}

void Progress::update() {
  if (style_ == ProgressStyle::kNone || clock_() < next_seconds_) return;
  next_seconds_ = clock_() + period_seconds(style_);
  show();
}

void Progress::set_phase(std::string phase) {
  if (!phase_.empty() && phase.empty()) {
    if (line_is_shown_) err_ << kClearLine << std::flush;
    line_is_shown_ = false;
    start_seconds_ = clock_();  // it says nothing about the speed of what comes
  }
  phase_ = std::move(phase);
}

void Progress::show() {
  if (style_ == ProgressStyle::kLine) {
    err_ << '\r' + text() + "\x1b[K" << std::flush;
    line_is_shown_ = true;
  } else if (style_ == ProgressStyle::kPlain) {
    err_ << text() + '\n' << std::flush;
  } else {
    const Figures now = figures();
    nlohmann::ordered_json fields = {{"elapsed_seconds", now.elapsed_seconds}, {"done_bytes", now.done_bytes},
                                     {"total_bytes", job_.total_bytes},        {"done_blocks", now.done_blocks},
                                     {"total_blocks", job_.total_blocks},      {"ranks", job_.ranks},
                                     {"bytes_in_work", now.bytes_in_work}};
    if (now.bytes_per_second) {
      fields["bytes_per_second"] = *now.bytes_per_second;
      fields["bytes_per_second_per_rank"] = *now.bytes_per_second / job_.ranks;
      fields["seconds_left"] = *now.seconds_left;
    }
    if (now.ratio) fields["ratio"] = *now.ratio;
    if (!phase_.empty()) fields["phase"] = phase_;
    write_event(err_, "progress", fields);
  }
}

std::string Progress::text() const {
  if (!phase_.empty()) return phase_;
  const Figures now = figures();
  const std::uint64_t bytes = now.done_bytes + now.bytes_in_work;
  std::string line = fmt::format("{} {} of {}", job_.verb, display_size(bytes), display_size(job_.total_bytes));
  if (job_.total_bytes > 0) line += fmt::format(" ({} %)", 100 * bytes / job_.total_bytes);
  if (job_.total_blocks > 0) line += fmt::format(", {} of {}", now.done_blocks, plural(job_.total_blocks, "block"));
  if (job_.total_blocks > 0) line += ", " + plural(static_cast<std::uint64_t>(job_.ranks), "rank");
  if (now.bytes_per_second) {
    line += fmt::format(", {:.1f} KB/s", *now.bytes_per_second / 1000);
    if (job_.ranks > 1) line += fmt::format(" ({:.1f} a rank)", *now.bytes_per_second / 1000 / job_.ranks);
    line += fmt::format(", {} left", display_duration(*now.seconds_left));
  }
  if (now.ratio) line += fmt::format(", ratio {:.2f}", *now.ratio);
  return line;
}

}  // namespace fz::cli
