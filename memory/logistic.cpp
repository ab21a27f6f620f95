#include "memory/logistic.h"

namespace fz::memory {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t kOne = std::uint64_t{1} << 62;
/// ⌊2^62 · e^(−1/256)⌋
constexpr std::uint64_t kStep = 4593706758521714574;

}  // namespace

LogisticTables::LogisticTables() {
  Wide power = kOne;  // 2^62 · e^(−logit/256)
  for (int logit = 0; logit <= kMaxLogit; ++logit) {
    const Wide total = kOne + power;
    const auto low = static_cast<std::uint32_t>((power * 65536 + total / 2) / total);
    squash[kMaxLogit - logit] = static_cast<std::uint16_t>(low < 1 ? 1 : low);
    squash[kMaxLogit + logit] = static_cast<std::uint16_t>(65536 - squash[kMaxLogit - logit]);
    power = power * kStep >> 62;
  }
  int logit = 0;
  for (int probability = 32768; probability < 65536; ++probability) {
    while (squash[kMaxLogit + logit] < probability) ++logit;
    stretch[probability] = static_cast<std::int16_t>(logit);
    stretch[65536 - probability] = static_cast<std::int16_t>(-logit);
  }
  stretch[0] = stretch[1];
}

const LogisticTables kLogistic;

}  // namespace fz::memory
