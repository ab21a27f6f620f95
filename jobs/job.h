// A job file as plain data: the command that it names, and keys with their values, each with its place in the file.
// What the keys mean is not known here: the commands' own options say it (cli/job_options.h). Owned by who reads it.
#pragma once

#include <string>
#include <vector>

namespace fz::jobs {

/// Both from 1; columns in characters, as editors show them.
struct Position {
  int line = 1;
  int column = 1;
};

struct Scalar {
  std::string text;
  bool is_quoted = false;  ///< Then it is a text, whatever it looks like.
  Position position;
};

struct Entry {
  Scalar key;
  std::vector<Scalar> values;  ///< At least one; exactly one unless `is_list`.
  bool is_list = false;
};

struct Job {
  std::string path;  ///< As given; for messages.
  Scalar command;
  std::vector<Entry> entries;  ///< All but `command`, in the order of the file; no key comes twice.
};

/// Throws Error(kUsage) "PATH:LINE:COLUMN: MESSAGE", on one line whatever the parts hold.
[[noreturn]] void fail_at(const std::string& path, Position position, const std::string& message);

}  // namespace fz::jobs
