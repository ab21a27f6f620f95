#include "coordinator/output_file.h"

#include "base/display.h"
#include "base/file.h"

namespace fz::coordinator {

void require_free_output(const std::filesystem::path& output, bool may_replace) {
  if (!is_present(output)) return;
  const std::string name = display_text(output.native());
  std::error_code error;
  if (std::filesystem::is_directory(output, error)) {
    fail(ErrorCode::kOutput, "{}: is a directory; name a file with -o", name);
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

}  // namespace fz::coordinator
