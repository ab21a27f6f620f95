#include "cli/command_line.h"

#include <algorithm>

#include "base/error.h"

namespace fz::cli {
namespace {

constexpr const char* kDescription =
    "fz-dist compresses text with a language model into one archive that any machine can decode.\n"
    "\n"
    "  fz-dist compress corpus/ -o corpus.fz       archive a directory; other files go along\n"
    "  fz-dist decompress corpus.fz -o out/        everything back, as it was\n"
    "  fz-dist extract corpus.fz '*.txt' -o out/   only some files\n"
    "  fz-dist recover bad.fz -o rest.fz           what is left of a damaged archive\n"
    "  fz-dist status corpus.fz                    how far a compress is\n"
    "  fz-dist bench corpus/                       sizes and speeds on a sample of it\n"
    "  fz-dist run archive.yaml                    a command with its options in a file\n"
    "  mpirun -n 4 fz-dist compress corpus/        the same archive, by four processes\n"
    "\n"
    "A command that was interrupted goes on when it is given again.";

/// Before a text in brackets, which CLI11 would take for a list: a file or pattern may be called [a,b].
constexpr char kIsOneText = '\x01';

std::string with_mark(const std::string& text) {
  const bool looks_like_a_list = text.starts_with('[') && text.ends_with(']');
  return looks_like_a_list || text.starts_with(kIsOneText) ? kIsOneText + text : text;
}

std::string without_marks(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), kIsOneText), text.end());
  return text;
}

/// All options get the texts as they were given, before they check them.
void expect_marks(CLI::App& command) {
  const auto unmark = [](std::string& text) {
    if (text.starts_with(kIsOneText)) text.erase(0, 1);
    return std::string();
  };
  for (CLI::Option* option : command.get_options([](const CLI::Option* each) { return each->get_expected_max() > 0; }))
    option->transform(CLI::Validator(unmark, ""));
  for (CLI::App* nested : command.get_subcommands([](const CLI::App*) { return true; })) expect_marks(*nested);
}

}  // namespace

std::unique_ptr<CLI::App> make_command_line(Context& context) {
  auto app = std::make_unique<CLI::App>(kDescription, "fz-dist");
  app->set_version_flag("--version", std::string("fz-dist ") + FZ_VERSION);
  // "At most one" rather than "one": a misspelled command is then named in the message.
  app->require_subcommand(0, 1);
  app->get_formatter()->column_width(34);
  add_compress(*app, context);
  add_merge(*app, context);
  add_decompress(*app, context);
  add_extract(*app, context);
  add_list(*app, context);
  add_info(*app, context);
  add_verify(*app, context);
  add_recover(*app, context);
  add_status(*app, context);
  add_bench(*app, context);
  add_run(*app, context);
  add_model(*app, context);
  return app;
}

bool parse_command_line(CLI::App& app, const std::vector<std::string>& arguments, const Context& context) {
  try {
    expect_marks(app);
    std::vector<std::string> texts;
    std::transform(arguments.rbegin(), arguments.rend(), std::back_inserter(texts), with_mark);
    app.parse(std::move(texts));  // CLI11 wants the last first
    return true;
  } catch (const CLI::ParseError& error) {
    // CLI11 throws for help and version too.
    if (error.get_exit_code() == 0) {
      if (context.world.coordinates()) app.exit(error, context.out, context.err);
      return false;
    }
    // The help of the command that was named says more than the general one.
    std::string command = "fz-dist";
    for (const CLI::App* level = &app; !level->get_subcommands().empty(); level = level->get_subcommands().front()) {
      command += " " + level->get_subcommands().front()->get_name();
    }
    fail(ErrorCode::kUsage, "command line: {}; see '{} --help'", without_marks(error.what()), command);
  }
}

}  // namespace fz::cli
