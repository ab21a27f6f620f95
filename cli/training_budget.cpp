#include "cli/training_budget.h"

#include <charconv>
#include <optional>

namespace fz::cli {
namespace {

struct BudgetUnit {
  std::string_view suffix;
  double seconds;
  double tokens;
};
constexpr BudgetUnit kBudgetUnits[] = {{"ktok", 0, 1e3}, {"Mtok", 0, 1e6}, {"tok", 0, 1},
                                       {"min", 60, 0},   {"s", 1, 0},      {"h", 3600, 0}};

std::optional<worker::TrainingBudget> try_parse(std::string_view text) {
  double number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || !(number > 0) || !(number < 1e15)) return std::nullopt;
  const std::string_view suffix = text.substr(static_cast<std::size_t>(parsed.ptr - text.data()));
  for (const BudgetUnit& unit : kBudgetUnits) {
    if (suffix == unit.suffix) return worker::TrainingBudget{number * unit.seconds, number * unit.tokens};
  }
  return std::nullopt;
}

}  // namespace

std::string check_budget(const std::string& text) {
  return try_parse(text) ? "" : fmt::format("{} is not a time or number of tokens, as 30s, 10min, 1h or 5Mtok", text);
}

worker::TrainingBudget parse_budget(const std::string& text) {
  return try_parse(text).value();
}

}  // namespace fz::cli
