// Guesses what a misspelled name was meant to be. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fz::jobs {

/// The name nearest to `text`, when it is near enough to be what was meant; else empty. Near: at most one letter in
/// three inserted, left out, changed or swapped with its neighbour.
std::string nearest_name(std::string_view text, const std::vector<std::string>& names);

}  // namespace fz::jobs
