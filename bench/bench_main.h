// The main of a measuring program: what goes wrong is one line, and the exit code is that of docs/exit-codes.md.
#pragma once

#include <cstdio>

#include "base/error.h"

namespace fz::bench {

inline int bench_main(const char* name, int (*run)(int, char**), int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return error.exit_code();
  }
}

}  // namespace fz::bench
