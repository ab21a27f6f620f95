// The loops themselves, compiled once for each CPU level; nothing from outside this file may be inline here, or the
// linker could take the wrong level's copy.
namespace {

template <int kWidth>
void mix(const std::int32_t* const* rows, int row_count, const std::int16_t* inputs, int limit, std::int16_t* logits) {
  for (int i = 0; i < row_count; ++i) {
    const std::int32_t* weights = rows[i];
    std::uint32_t sum = 0;
    for (int j = 0; j < kWidth; ++j) {
      const auto product = static_cast<std::int32_t>(static_cast<std::uint32_t>(weights[j]) *
                                                     static_cast<std::uint32_t>(std::int32_t{inputs[j]}));
      sum += static_cast<std::uint32_t>(product >> 5);
    }
    const std::int32_t logit = static_cast<std::int32_t>(sum) >> 11;
    logits[i] = static_cast<std::int16_t>(logit < -limit ? -limit : logit > limit ? limit : logit);
  }
}

template <int kWidth>
bool train(const fz::memory::WeightChange* changes, int change_count, std::int32_t limit) {
  std::int32_t least = 0;
  std::int32_t most = 0;
  for (int i = 0; i < change_count; ++i) {
    std::int32_t* __restrict weights = changes[i].weights;
    const std::int16_t* __restrict inputs = changes[i].inputs;
    const std::int32_t gradient = changes[i].gradient;
    for (int j = 0; j < kWidth; ++j) {
      const std::int32_t change = (std::int32_t{inputs[j]} * gradient + 2048) >> 12;
      const auto weight =
          static_cast<std::int32_t>(static_cast<std::uint32_t>(weights[j]) + static_cast<std::uint32_t>(change));
      weights[j] = weight;
      least = weight < least ? weight : least;
      most = weight > most ? weight : most;
    }
  }
  return least < -limit || most > limit;
}

template <int kWidth>
void limit(std::int32_t* weights, std::int32_t limit) {
  for (int j = 0; j < kWidth; ++j) {
    const std::int32_t low = weights[j] < -limit ? -limit : weights[j];
    weights[j] = low > limit ? limit : low;
  }
}

template <int kWidth>
constexpr fz::memory::MixerKernels kKernels = {mix<kWidth>, train<kWidth>, limit<kWidth>};

}  // namespace
