#include "memory/bit_history.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <vector>

#include "base/error.h"

namespace fz::memory {
namespace {

struct Counts {
  int seen[2];
  int last;
  auto key() const { return std::tuple(seen[0], seen[1], last); }
};

/// Most bits of one kind that are counted beside this many of the other.
int most_beside(int other) {
  constexpr std::array kMost = {40, 20, 10, 7, 5, 4};
  return other < static_cast<int>(kMost.size()) ? kMost[static_cast<std::size_t>(other)] : 3;
}

/// A bit of the other kind makes old counts doubtful.
int doubt(int count) {
  return count <= 2 ? count : count == 3 ? 2 : count <= 6 ? 3 : count <= 12 ? 4 : count <= 25 ? 5 : 6;
}

Counts after(Counts counts, int bit) {
  int& same = counts.seen[bit];
  int& other = counts.seen[1 - bit];
  other = doubt(other);
  same = std::min(same + 1, most_beside(other));
  other = std::min(other, most_beside(same));
  counts.last = counts.seen[0] > 0 && counts.seen[1] > 0 ? bit : 0;
  return counts;
}

}  // namespace

BitHistoryTables::BitHistoryTables() : next{}, bits_seen{}, first_probability{} {
  std::vector<Counts> histories = {{{0, 0}, 0}};
  std::map<std::tuple<int, int, int>, std::size_t> numbers = {{histories[0].key(), 0}};
  for (std::size_t i = 0; i < histories.size(); ++i) {
    for (int bit = 0; bit < 2; ++bit) {
      const Counts counts = after(histories[i], bit);
      const auto [found, is_new] = numbers.try_emplace(counts.key(), histories.size());
      if (is_new) histories.push_back(counts);
      FZ_CHECK(histories.size() <= 256);
      next[i][bit] = static_cast<std::uint8_t>(found->second);
    }
    const int zeros = histories[i].seen[0];
    const int ones = histories[i].seen[1];
    bits_seen[i] = static_cast<std::uint8_t>(zeros + ones);
    first_probability[i] = static_cast<std::uint16_t>(65536 * (5 * ones + 2) / (5 * (zeros + ones) + 4));
  }
  count = static_cast<int>(histories.size());
}

const BitHistoryTables kBitHistories;

}  // namespace fz::memory
