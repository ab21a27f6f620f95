#include "cli/job_options.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"
#include "jobs/suggestion.h"

namespace fz::cli {
namespace {

bool is_switch(const CLI::Option& option) {
  return option.get_expected_max() == 0;
}
bool takes_many(const CLI::Option& option) {
  return option.get_expected_max() > 1;
}

std::vector<CLI::Option*> options_of(CLI::App& command) {
  return command.get_options([&](const CLI::Option* option) { return option != command.get_help_ptr(); });
}

/// Those that do something themselves, except `run`.
bool is_for_jobs(const CLI::App& command) {
  return command.get_name() != kRunCommand && command.get_subcommands([](const CLI::App*) { return true; }).empty();
}

/// Whether YAML reads the text as true or false.
bool is_boolean(const jobs::Scalar& value) {
  static const std::set<std::string> words = {"true", "True", "TRUE", "false", "False", "FALSE"};
  return !value.is_quoted && words.contains(value.text);
}

void check_type(const CLI::Option& option, const jobs::Entry& entry, const jobs::Job& job) {
  const std::string& key = entry.key.text;
  if (entry.is_list && !takes_many(option)) {
    jobs::fail_at(job.path, entry.values.front().position, fmt::format("'{}' takes one value, not a list", key));
  }
  for (const jobs::Scalar& value : entry.values) {
    if (is_switch(option) && (value.is_quoted || (value.text != "true" && value.text != "false"))) {
      jobs::fail_at(job.path, value.position, fmt::format("'{}' is true or false, without quotes", key));
    }
    if (!is_switch(option) && is_boolean(value)) {
      jobs::fail_at(job.path, value.position, fmt::format("'{}' is not true or false; put a text in quotes", key));
    }
  }
}

/// As the parser would with this on the command line, checks and transforms included.
void set_option(CLI::Option& option, const std::vector<std::string>& texts) {
  // Where this is on, CLI11 takes a text in brackets for a list: a file or pattern may be called [a,b].
  const bool allows_extra = option.get_allow_extra_args();
  option.allow_extra_args(false);
  for (const std::string& text : texts) option.add_result(text);
  option.run_callback();
  // The variable keeps its value; the parser is to see only what the command line gives.
  option.clear();
  option.allow_extra_args(allows_extra);
}

/// What CLI11 says of a value begins with the name that the option has on the command line.
std::string value_message(const CLI::Option& option, const jobs::Entry& entry, const CLI::Error& error) {
  const std::string what = error.what();
  const std::string name = option.get_name() + ": ";
  return fmt::format("'{}': {}", entry.key.text, what.starts_with(name) ? what.substr(name.size()) : what);
}

void set_from_entry(CLI::Option& option, const jobs::Entry& entry, const jobs::Job& job) {
  check_type(option, entry, job);
  std::vector<std::string> texts;
  for (const jobs::Scalar& value : entry.values) {
    texts.push_back(value.text);
    try {
      set_option(option, {value.text});  // one at a time, to know the place of a wrong one
    } catch (const CLI::Error& error) {
      jobs::fail_at(job.path, value.position, value_message(option, entry, error));
    }
  }
  if (texts.size() > 1) set_option(option, texts);
}

}  // namespace

std::string job_key(const CLI::Option& option) {
  if (!option.get_lnames().empty()) return option.get_lnames().front();
  std::string key = option.get_name(true);
  std::transform(key.begin(), key.end(), key.begin(),
                 [](char letter) { return static_cast<char>(std::tolower(static_cast<unsigned char>(letter))); });
  return key.empty() || !takes_many(option) ? key : key + "s";
}

std::string full_name(const CLI::App& command) {
  const CLI::App* const group = command.get_parent();
  return group == nullptr || group->get_parent() == nullptr ? command.get_name()
                                                            : group->get_name() + " " + command.get_name();
}

CLI::App& command_of(CLI::App& app, const jobs::Job& job) {
  std::vector<std::string> names;
  std::vector<CLI::App*> commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (std::size_t i = 0; i < commands.size(); ++i) {
    CLI::App* const command = commands[i];
    const std::vector<CLI::App*> members = command->get_subcommands([](const CLI::App*) { return true; });
    commands.insert(commands.end(), members.begin(), members.end());
    if (!is_for_jobs(*command)) continue;
    if (full_name(*command) == job.command.text) return *command;
    names.push_back(full_name(*command));
  }
  const std::string nearest = jobs::nearest_name(job.command.text, names);
  jobs::fail_at(job.path, job.command.position,
                fmt::format("unknown command '{}'; {}", job.command.text,
                            nearest.empty() ? fmt::format("a job can be {}", fmt::join(names, ", "))
                                            : fmt::format("did you mean '{}'?", nearest)));
}

std::vector<CLI::Option*> set_options(CLI::App& command, const jobs::Job& job) {
  std::vector<std::string> keys;
  for (const CLI::Option* option : options_of(command)) keys.push_back(job_key(*option));
  std::set<std::string> given;
  for (const jobs::Entry& entry : job.entries) {
    const auto key = std::find(keys.begin(), keys.end(), entry.key.text);
    if (key == keys.end()) {
      const std::string nearest = jobs::nearest_name(entry.key.text, keys);
      jobs::fail_at(job.path, entry.key.position,
                    fmt::format("unknown key '{}'; {}", entry.key.text,
                                nearest.empty() ? fmt::format("see 'fz-dist {} --help'", full_name(command))
                                                : fmt::format("did you mean '{}'?", nearest)));
    }
    set_from_entry(*options_of(command)[static_cast<std::size_t>(key - keys.begin())], entry, job);
    given.insert(entry.key.text);
  }
  std::vector<CLI::Option*> missing;
  for (CLI::Option* option : options_of(command)) {
    // The parser checks these, and would not know of what the file gives: the commands check such rules themselves.
    FZ_CHECK(option->get_needs().empty() && option->get_excludes().empty());
    if (option->get_required() && !given.contains(job_key(*option))) missing.push_back(option);
    option->required(false);
  }
  return missing;
}

}  // namespace fz::cli
