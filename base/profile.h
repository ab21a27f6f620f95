// Where the time of a run goes: every thread charges its time to the stage it is in. Off unless a command asks for it;
// then it costs two clock readings a stage. One profile for the process; any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace fz {

/// What a thread can be busy with. A stage that begins inside another interrupts it; time outside all is not counted.
enum class Stage : std::uint8_t {
  kOther,        ///< Block work that is not named below.
  kWaiting,      ///< A thread of the pool without work.
  kInputOutput,  ///< Files, and the hashes of what is read and written.
  kTokenize,     ///< Text to tokens.
  kProduct,      ///< The matrix products of weights.
  kAttention,    ///< The matrix products of attention: scores and weighted sums.
  kSoftmax,      ///< Attention weights.
  kElementwise,  ///< Norms, quantization, rotation, activation.
  kTable,        ///< Logits to frequencies and decisions.
  kMemory,       ///< The memory beside the model.
  kCoder,        ///< Range coder.
  kFallback,     ///< zstd, bzip2 and the memory over bytes.
};
inline constexpr std::size_t kStageCount = 12;

/// In the words of reports.
const char* stage_name(Stage stage);

struct ProfileTotals {
  std::array<double, kStageCount> seconds{};  ///< By stage, summed over threads.
  double product_operations = 0;              ///< Multiplications and additions of weight products.
  int threads = 0;                            ///< That have been in any stage.
  double sum() const;
};

class Profile {
 public:
  /// From now on: stages that begin later are counted.
  static void enable();
  static bool is_enabled() { return enabled_.load(std::memory_order_relaxed); }
  /// Of all threads, those that are gone too. A stage that has not ended is not in it.
  static ProfileTotals totals();
  /// 2 · rows · outputs · depth of a weight product.
  static void add_product_operations(std::uint64_t operations);

 private:
  static inline std::atomic<bool> enabled_{false};
};

/// Charges this thread's time to `stage` until destroyed; then the stage around it goes on.
class StageScope {
 public:
  explicit StageScope(Stage stage) {
    if (Profile::is_enabled()) begin(stage);
  }
  ~StageScope() {
    if (active_) end();
  }
  StageScope(const StageScope&) = delete;
  StageScope& operator=(const StageScope&) = delete;

 private:
  void begin(Stage stage);
  void end();
  bool active_ = false;
  std::size_t outer_ = 0;
};

/// Most memory this process has held so far, as the operating system counts it.
std::uint64_t peak_memory_bytes();

}  // namespace fz
