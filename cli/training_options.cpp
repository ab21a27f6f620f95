#include "cli/training_options.h"

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

void add_device_option(CLI::App& command, const std::string& name, std::string& device) {
  command
      .add_option(
          name, device,
          "Where to train: cpu, gpu (each rank of a node on another one, as far as there are), or auto, which is "
          "the default and a GPU where there is one")
      ->type_name("auto|cpu|gpu")
      ->check(CLI::IsMember({"auto", "cpu", "gpu"}));
}

model::TrainingDevice parse_device(const std::string& text) {
  if (text == "auto") return model::TrainingDevice::kAuto;
  return text == "gpu" ? model::TrainingDevice::kGpu : model::TrainingDevice::kCpu;
}

}  // namespace fz::cli
