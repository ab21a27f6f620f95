// The logistic domain in integers (docs/numerics.md, section 12): a probability p/65536 and its logit ln(p/(1 − p)) in
// units of 1/256. Tables made once; pure functions.
#pragma once

#include <cstdint>

namespace fz::memory {

/// Logits lie in [−kMaxLogit, kMaxLogit].
inline constexpr int kMaxLogit = 3071;

struct LogisticTables {
  LogisticTables();
  std::uint16_t squash[2 * kMaxLogit + 1];  ///< By logit + kMaxLogit; in [1, 65535].
  std::int16_t stretch[65536];              ///< By probability; entry 0 is unused.
};
extern const LogisticTables kLogistic;

inline int limit_logit(std::int64_t logit) {
  return static_cast<int>(logit < -kMaxLogit ? -kMaxLogit : logit > kMaxLogit ? kMaxLogit : logit);
}

}  // namespace fz::memory
