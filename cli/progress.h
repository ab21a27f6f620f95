// What a long command tells while it works: one line that is rewritten on a terminal, a plain line now and then
// elsewhere, or events for programs. Owned by the command; rank 0's main thread.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <string>

#include "base/ids.h"

namespace fz::cli {

enum class ProgressStyle {
  kLine,   ///< One line, rewritten four times a second.
  kPlain,  ///< A line at the start, then one every half minute.
  kJson,   ///< Events (docs/events.md), one every second.
  kNone,
};

/// Of --progress, whose values the parser has checked. "auto" is a line on a terminal, plain lines where standard
/// error leads elsewhere, and nothing with --quiet or where a test listens.
ProgressStyle progress_style(const std::string& name, bool quiet, const std::ostream& err);

/// "8 s", "3 min 20 s", "2 h 5 min", "4 d 3 h".
std::string display_duration(double seconds);

/// What there is to do, and what an earlier run has done of it.
struct ProgressJob {
  std::string verb;  ///< "compressing".
  std::uint64_t total_bytes = 0;
  std::uint64_t total_blocks = 0;  ///< 0: not counted in blocks.
  int ranks = 1;
  bool has_ratio = false;  ///< Blocks come with stored bytes.
  std::uint64_t reused_bytes = 0;
  std::uint64_t reused_blocks = 0;
  std::uint64_t reused_stored_bytes = 0;
};

class Progress {
 public:
  using Clock = std::function<double()>;  ///< Seconds since whenever.
  static double steady_seconds();

  /// `verbose`: a line for each block, whatever the style.
  Progress(std::ostream& err, ProgressStyle style, ProgressJob job, bool verbose = false, Clock clock = steady_seconds);
  /// Clears the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add_block(BlockId block, Rank rank, std::uint64_t raw_bytes, std::uint64_t stored_bytes);
  /// What a rank has done of its blocks that are not done. It is forgotten when it has done one, or by the second.
  void set_in_work(Rank rank, std::uint64_t bytes) { in_work_[rank] = bytes; }
  template <typename IsLost>
  void forget_work_of(const IsLost& is_lost) {
    std::erase_if(in_work_, [&](const auto& item) { return is_lost(item.first); });
  }
  /// In place of blocks: all that is done so far.
  void set_done(std::uint64_t bytes) { new_bytes_ = bytes; }
  /// Shown in place of all else until it is empty: what goes on before the first block.
  void set_phase(std::string phase);
  /// How many are alive.
  void set_ranks(int ranks) { job_.ranks = ranks; }
  /// Shows where things are if it is time; cheap, to be called often.
  void update();

 private:
  struct Figures;
  Figures figures() const;
  void show();
  std::string text() const;

  std::ostream& err_;
  ProgressStyle style_;
  ProgressJob job_;
  bool verbose_;
  Clock clock_;
  std::string phase_;
  double start_seconds_;
  double next_seconds_;
  std::uint64_t new_bytes_ = 0;
  std::map<Rank, std::uint64_t> in_work_;  // bytes
  std::uint64_t new_blocks_ = 0;
  std::uint64_t new_stored_bytes_ = 0;
  bool line_is_shown_ = false;
};

}  // namespace fz::cli
