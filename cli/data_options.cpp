#include "cli/data_options.h"

#include <charconv>
#include <optional>

#include "cli/session.h"

namespace fz::cli {
namespace {

/// "code=0.5"; empty: it is none.
std::optional<std::pair<std::string, double>> parse_weight(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) return std::nullopt;
  double weight = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + equals + 1, end, weight);
  const bool fits =
      parsed.ec == std::errc() && parsed.ptr == end && weight >= 0 && weight <= model::TextSource::kMaxWeight;
  if (!fits) return std::nullopt;
  return std::pair(text.substr(0, equals), weight);
}

std::string check_weight(const std::string& text) {
  return parse_weight(text)
             ? ""
             : fmt::format("'{}' is not CATEGORY=W with W from 0 to {}", text, model::TextSource::kMaxWeight);
}

}  // namespace

model::TextSourceSettings text_source_settings(const DataOptions& options) {
  model::TextSourceSettings settings;
  settings.inputs.assign(options.inputs.begin(), options.inputs.end());
  for (const std::string& weight : options.weights) {
    if (!settings.weights.insert(*parse_weight(weight)).second) {
      fail(ErrorCode::kUsage, "two weights of one category: {}", weight);
    }
  }
  return settings;
}

void warn_of_unseen_categories(const model::TextSource& source, const Context& context) {
  for (const std::string& category : source.unseen_categories()) {
    context.warn(fmt::format("no text has the category '{}', of which a weight is given", category));
  }
}

void add_data_options(CLI::App& command, DataOptions& options) {
  command.add_option("TEXT", options.inputs, "Text to train on")->required()->check(check_not_braces);
  command
      .add_option("--weight", options.weights,
                  "Count the documents whose path begins with CATEGORY/ W times, or only that part of them when W is "
                  "below 1; may be given for several categories")
      ->type_name("CATEGORY=W")
      ->allow_extra_args(false)
      ->check(check_weight);
}

}  // namespace fz::cli
