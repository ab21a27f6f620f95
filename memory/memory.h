// The memory beside the model: predicts each binary decision of a symbol from what all lanes of the block have said in
// earlier steps, mixes that with the model's own probability, and learns from the outcome (docs/numerics.md, part II).
// Step-synchronous: within a step the lanes only read, each in its own record, in any order and on any thread;
// end_step() applies all updates, in a way that does not depend on the order of lanes. Encoder and decoder drive it
// alike.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "memory/alphabet.h"
#include "memory/lane_range.h"
#include "memory/memory_kernels.h"
#include "memory/rules.h"

namespace fz::memory {

/// Probability that a decision is 0, in units of 1/65536; in [1, 65535].
using Probability = std::uint16_t;

class Memory {
 public:
  struct Options {
    bool with_model = false;  ///< mix() is given the model's probabilities.
    Rules rules = kByteRules;
    const MemoryKernels* kernels = nullptr;  ///< Null: the best that this CPU has.
    std::uint32_t shuffle_seed = 0;          ///< For tests: visits the lanes in another order where it must not matter.
    std::uint64_t left_out = 0;              ///< For measurements: parts to do without, see part_bit().
  };

  enum class Part { kHistory, kCandidate, kMatch, kMixer, kRefinement };
  /// Bit of `left_out` for one part of a kind.
  static constexpr std::uint64_t part_bit(Part part, int index) {
    constexpr int kMostOfAKind = 12;
    return std::uint64_t{1} << (static_cast<int>(part) * kMostOfAKind + index);
  }

  /// `lanes`, a power of two of them, tile the block's symbols in order. The alphabet must outlive the memory.
  Memory(const Alphabet& alphabet, std::span<const LaneRange> lanes, Options options);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  /// Whether the lane has a symbol to code in this step.
  bool is_active(std::size_t lane) const;

  /// Before the lane's first decision of the step; may be called early, to have the memory's tables at hand.
  void prepare(std::size_t lane);

  /// The probability to code the decision at `level` of the code tree with. `model_zero` is the model's; ignored
  /// without one. Levels without a decision are left out.
  Probability mix(std::size_t lane, int level, Probability model_zero);
  /// Its outcome.
  void learn(std::size_t lane, unsigned bit);

  /// After all active lanes have coded their symbols. `pool` may be null.
  void end_step(ThreadPool* pool);

  /// Symbols so far; those of lanes' future are 0.
  std::span<const Symbol> symbols() const;

  /// Bytes of the hash tables for a block of `symbol_count` symbols.
  static std::size_t table_bytes(const Alphabet& alphabet, std::size_t symbol_count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fz::memory
