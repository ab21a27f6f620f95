#include "coordinator/output_file.h"

#include <unistd.h>

#include "base/display.h"
#include "base/file.h"

namespace fz::coordinator {
namespace {

/// Also by a link, and what stands for an open file, such as /dev/stdout; not a link that leads nowhere.
bool is_device_or_pipe(const std::filesystem::path& path) {
  std::error_code error;
  const bool is_other = std::filesystem::is_other(path, error);
  return is_other || std::filesystem::read_symlink(path, error).native().starts_with("/proc/");
}

}  // namespace

void require_free_output(const std::filesystem::path& output, bool may_replace) {
  if (!is_present(output)) return;
  const std::string name = display_text(output.native());
  std::error_code error;
  if (std::filesystem::is_directory(output, error)) {
    fail(ErrorCode::kOutput, "{}: is a directory; name a file with -o", name);
  }
  // The output gets its name by a rename, which would put a file in the place of /dev/null.
  if (is_device_or_pipe(output)) {
    fail(ErrorCode::kOutput, "{}: is a device, pipe or socket, and an archive becomes a file; name one with -o", name);
  }
  if (!may_replace) fail(ErrorCode::kOutput, "{}: exists already; pass --force to replace it", name);
}

void publish_output(const std::filesystem::path& made, const std::filesystem::path& output, bool may_replace) {
  if (may_replace) {
    rename_durably(made, output);
  } else {
    rename_durably_without_replacing(made, output);
  }
}

void write_output(const std::filesystem::path& output, ByteSpan bytes, bool may_replace) {
  require_free_output(output, may_replace);
  if (may_replace) {
    replace_file(output, bytes);
  } else if (!create_file_once(output, bytes, output.native() + fmt::format(".tmp-{}", ::getpid()))) {
    require_free_output(output, false);  // somebody has just taken it
  }
}

}  // namespace fz::coordinator
