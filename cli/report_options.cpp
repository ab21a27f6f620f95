#include "cli/report_options.h"

#include <algorithm>
#include <iostream>

#include "base/display.h"
#include "base/log.h"
#include "cli/events.h"
#include "coordinator/scan.h"

namespace fz::cli {
namespace {

/// The parser has checked the name.
LogLevel level_of(const std::string& name) {
  if (name == "error") return LogLevel::kError;
  if (name == "warning") return LogLevel::kWarning;
  return name == "debug" ? LogLevel::kDebug : LogLevel::kInfo;
}

void open_log(const Context& context, const ReportOptions& options) {
  if (options.log_file.empty()) return;
  const Rank rank = context.world.rank();
  Log::open(number(rank) == 0 ? options.log_file : fmt::format("{}.{}", options.log_file, number(rank)),
            level_of(options.log_level), rank);
  log_line(LogLevel::kInfo, "begin: fz-dist {}, ranks: {}, command: {}", FZ_VERSION, context.world.size(),
           fmt::join(context.arguments, " "));
}

/// "FILE.12" for the log FILE.
bool is_log_of_rank(const std::string& name, const std::string& log) {
  const std::string_view digits = std::string_view(name).substr(std::min(name.size(), log.size() + 1));
  return name.starts_with(log + ".") && !digits.empty() &&
         digits.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

void add_report_options(CLI::App& command, ReportOptions& options) {
  command
      .add_option("--progress", options.progress,
                  "How progress is shown on standard error: a line that is rewritten, plain lines every 30 s, JSON "
                  "events, or none; default: auto, which is line on a terminal and plain elsewhere")
      ->type_name("auto|line|plain|json|none")
      ->check(CLI::IsMember({"auto", "line", "plain", "json", "none"}));
  command
      .add_option("--log-file", options.log_file,
                  "Append a log with time, level, host and rank to FILE; rank N under MPI: to FILE.N")
      ->type_name("FILE");
  command.add_option("--log-level", options.log_level, "The least that is logged; default: info")
      ->type_name("error|warning|info|debug")
      ->check(CLI::IsMember({"error", "warning", "info", "debug"}));
  command.add_flag("-q,--quiet", options.quiet, "Print errors only");
}

std::function<void()> with_reports(Context& context, const ReportOptions& options, std::function<void()> action) {
  return [&context, &options, action = std::move(action)] {
    context.has_events = options.progress == "json" && context.world.coordinates();
    open_log(context, options);
    action();
    log_line(LogLevel::kInfo, "end: done");
  };
}

std::vector<std::string> log_files(const ReportOptions& options, int ranks) {
  if (options.log_file.empty()) return {};
  const std::filesystem::path log = coordinator::absolute_path(options.log_file);
  std::vector<std::string> files = {log.native()};
  for (int rank = 1; rank < ranks; ++rank) files.push_back(fmt::format("{}.{}", log.native(), rank));
  // An earlier run may have had more ranks.
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(log.parent_path(), error)) {
    if (is_log_of_rank(item.path().filename().native(), log.filename().native())) files.push_back(item.path().native());
  }
  return files;
}

void report_note(const Context& context, const ReportOptions& options, const char* event, const std::string& text,
                 nlohmann::ordered_json fields) {
  log_line(LogLevel::kInfo, "{}", text);
  if (context.has_events) {
    fields["text"] = text;
    write_event(context.err, event, fields);
  } else if (!options.quiet) {
    context.err << fmt::format("fz-dist: {}\n", display_text(text)) << std::flush;
  }
}

void report_result(const Context& context, const ReportOptions& options, const std::string& text,
                   const nlohmann::ordered_json& fields) {
  log_line(LogLevel::kInfo, "{}", text);
  if (!options.quiet) context.out << text + '\n';
  context.flush_out();  // the end is the last event, no error comes after it
  if (context.has_events) write_event(context.err, "end", fields);
}

}  // namespace fz::cli
