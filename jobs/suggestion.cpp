#include "jobs/suggestion.h"

#include <algorithm>

namespace fz::jobs {
namespace {

/// Names are short; a longer text is no misspelling of one, and costs nothing.
constexpr std::size_t kMaxTextBytes = 64;

/// Steps from one text to the other (Damerau-Levenshtein, in its form of optimal string alignment).
std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before_last(right.size() + 1), last(right.size() + 1), row(right.size() + 1);
  for (std::size_t j = 0; j <= right.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const bool same = left[i - 1] == right[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[right.size()];
}

}  // namespace

std::string nearest_name(std::string_view text, const std::vector<std::string>& names) {
  if (text.size() > kMaxTextBytes) return {};
  std::string nearest;
  std::size_t nearest_distance = 0;
  for (const std::string& name : names) {
    const std::size_t distance = edit_distance(text, name);
    const bool is_near = distance <= std::max<std::size_t>(1, std::min(text.size(), name.size()) / 3);
    if (!is_near || (!nearest.empty() && distance >= nearest_distance)) continue;
    nearest = name;
    nearest_distance = distance;
  }
  return nearest;
}

}  // namespace fz::jobs
