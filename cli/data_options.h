// What the commands that train have in common: the text that they train on. Main thread.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"
#include "model/train/text_source.h"

namespace fz::cli {

struct DataOptions {
  std::vector<std::string> inputs;
  std::vector<std::string> weights;  ///< "CATEGORY=W", checked by the parser.
};
void add_data_options(CLI::App& command, DataOptions& options);

/// Throws Error(kUsage) for two weights of one category.
model::TextSourceSettings text_source_settings(const DataOptions& options);

/// After all text has been read.
void warn_of_unseen_categories(const model::TextSource& source, const Context& context);

}  // namespace fz::cli
