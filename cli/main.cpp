// The program: arguments and standard streams go to fz::cli::run, which tests call in-process.
#include <iostream>

#include "cli/run.h"

int main(int argc, char** argv) {
  return fz::cli::run({argv + 1, argv + argc}, std::cout, std::cerr);
}
