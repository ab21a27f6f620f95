// A library to be preloaded: the process ends as if killed before the DIE_AT-th of the calls by which a command gives
// files their names and modes and removes what it needed on the way, from 0. For tests/cli/killed_while_naming_test.sh.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace {

void count_call() {
  static int calls = 0;
  const char* const at = std::getenv("DIE_AT");
  if (at != nullptr && calls++ == std::atoi(at)) ::_exit(137);
}

}  // namespace

extern "C" {

int renameat2(int from_directory, const char* from, int to_directory, const char* to, unsigned flags) noexcept {
  count_call();
  return static_cast<int>(::syscall(SYS_renameat2, from_directory, from, to_directory, to, flags));
}

int fchmod(int descriptor, mode_t mode) noexcept {
  count_call();
  return static_cast<int>(::syscall(SYS_fchmod, descriptor, mode));
}

int unlinkat(int directory, const char* path, int flags) noexcept {
  count_call();
  return static_cast<int>(::syscall(SYS_unlinkat, directory, path, flags));
}

int remove(const char* path) noexcept {
  count_call();
  if (::unlink(path) == 0) return 0;
  return errno == EISDIR || errno == EPERM ? ::rmdir(path) : -1;
}
}
