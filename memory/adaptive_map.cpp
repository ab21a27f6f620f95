#include "memory/adaptive_map.h"

namespace fz::memory {

WeightDivision::WeightDivision() : inverses_{} {
  for (std::size_t weight = 1; weight < inverses_.size(); ++weight) {
    inverses_[weight] = ((std::uint64_t{1} << kShift) + weight - 1) / weight;
  }
}

const WeightDivision kWeightDivision;

}  // namespace fz::memory
