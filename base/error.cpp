#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace fz {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "fz-dist: internal error: %s does not hold (%s:%d); please report this\n", condition, file,
               line);
  std::abort();
}

}  // namespace fz
