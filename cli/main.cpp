// The program: arguments and standard streams go to fz::cli::run, which tests call in-process.
#include <fcntl.h>

#include <cerrno>
#include <iostream>

#include "cli/run.h"

namespace {

/// A journal must not get the number of a stream that the caller has closed: messages would be written into it.
void fill_standard_descriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) ::open("/dev/null", O_RDWR);  // the lowest free number
  }
}

}  // namespace

int main(int argc, char** argv) {
  fill_standard_descriptors();
  return fz::cli::run({argv + 1, argv + argc}, std::cout, std::cerr);
}
