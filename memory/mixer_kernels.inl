// The loops themselves, compiled once for each CPU level; nothing from outside this file may be inline here, or the
// linker could take the wrong level's copy.
namespace {

std::int32_t dot(const std::int32_t* weights, const std::int16_t* inputs, int count) {
  std::int32_t sum = 0;
  for (int j = 0; j < count; ++j) {
    const auto product = static_cast<std::int32_t>(static_cast<std::uint32_t>(weights[j]) *
                                                   static_cast<std::uint32_t>(std::int32_t{inputs[j]}));
    sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) + static_cast<std::uint32_t>(product >> 5));
  }
  return sum;
}

bool train(std::int32_t* weights, const std::int16_t* inputs, int count, std::int32_t gradient, std::int32_t limit) {
  std::int32_t is_beyond = 0;
  for (int j = 0; j < count; ++j) {
    const std::int32_t change = (std::int32_t{inputs[j]} * gradient + 2048) >> 12;
    weights[j] = static_cast<std::int32_t>(static_cast<std::uint32_t>(weights[j]) + static_cast<std::uint32_t>(change));
    is_beyond |= (weights[j] > limit) | (weights[j] < -limit);
  }
  return is_beyond != 0;
}

void limit(std::int32_t* weights, int count, std::int32_t limit) {
  for (int j = 0; j < count; ++j) {
    const std::int32_t low = weights[j] < -limit ? -limit : weights[j];
    weights[j] = low > limit ? limit : low;
  }
}

}  // namespace
