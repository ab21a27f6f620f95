// The elementwise kernels as loops that the compiler vectorizes. Included once by each CPU level's file inside an
// anonymous namespace, so that no code compiled for one level can be linked into another. Every operation is the same
// single IEEE operation as in kernels_scalar.cpp; reductions are integer, hence exact in any order. Float maxima are
// taken over order-preserving integer keys, which the compiler may reorder and the floats it may not.

inline std::int32_t float_bits(float x) {
  std::int32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline float bits_float(std::int32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}
/// Monotone in x for all finite x; its own inverse.
inline std::int32_t ordered_key(std::int32_t bits) { return bits ^ ((bits >> 31) & 0x7fffffff); }

inline float absolute_maximum(const float* x, std::size_t n) {
  std::int32_t maximum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t bits = float_bits(x[i]) & 0x7fffffff;
    maximum = bits > maximum ? bits : maximum;
  }
  return bits_float(maximum);
}

inline float maximum_of(const float* x, std::size_t n) {
  std::int32_t maximum = ordered_key(float_bits(x[0]));
  for (std::size_t i = 1; i < n; ++i) {
    const std::int32_t key = ordered_key(float_bits(x[i]));
    maximum = key > maximum ? key : maximum;
  }
  return bits_float(ordered_key(maximum));
}

inline float exp2_spec(float t) {
  t = t < -numerics::kExp2Clamp ? -numerics::kExp2Clamp : t;
  t = t > numerics::kExp2Clamp ? numerics::kExp2Clamp : t;
  const float whole = __builtin_rintf(t);
  const float fraction = t - whole;
  float p = numerics::kExp2Polynomial[0];
  p = p * fraction + numerics::kExp2Polynomial[1];
  p = p * fraction + numerics::kExp2Polynomial[2];
  p = p * fraction + numerics::kExp2Polynomial[3];
  p = p * fraction + numerics::kExp2Polynomial[4];
  p = p * fraction + numerics::kExp2Polynomial[5];
  return bits_float(float_bits(p) + (static_cast<std::int32_t>(whole) << 23));
}

inline std::int32_t round_to_int(float x) { return static_cast<std::int32_t>(__builtin_rintf(x)); }

float quantize(const float* __restrict x, std::size_t n, std::int8_t* __restrict q) {
  const float maximum = absolute_maximum(x, n);
  if (maximum < numerics::kTiny) {
    for (std::size_t i = 0; i < n; ++i) q[i] = 0;
    return 0;
  }
  const float inverse = 127.0f / maximum;
  for (std::size_t i = 0; i < n; ++i) q[i] = static_cast<std::int8_t>(round_to_int(x[i] * inverse));
  return maximum / 127.0f;
}

void rms_norm(const float* __restrict x, const float* __restrict gain, float epsilon, std::size_t n,
              float* __restrict y) {
  const float maximum = absolute_maximum(x, n);
  if (maximum < numerics::kTiny) {
    for (std::size_t i = 0; i < n; ++i) y[i] = 0;
    return;
  }
  const float inverse = 32767.0f / maximum;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t t = round_to_int(x[i] * inverse);
    sum += static_cast<std::uint32_t>(t * t);
  }
  const float mean = static_cast<float>(static_cast<std::int64_t>(sum)) / static_cast<float>(n);
  const float unit = maximum / 32767.0f;
  const float shifted = mean + epsilon / (unit * unit);
  const float factor = (1.0f / __builtin_sqrtf(shifted)) / unit;
  for (std::size_t i = 0; i < n; ++i) y[i] = (x[i] * factor) * gain[i];
}

void dequantize(const std::int32_t* __restrict acc, float scale, const float* __restrict scales, std::size_t n,
                float* __restrict y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = (static_cast<float>(acc[i]) * scale) * scales[i];
}

void dequantize_add(const std::int32_t* __restrict acc, float scale, const float* __restrict scales, std::size_t n,
                    float* __restrict y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = y[i] + (static_cast<float>(acc[i]) * scale) * scales[i];
}

void rope(float* __restrict x, const float* __restrict cosine, const float* __restrict sine, std::size_t pairs) {
  float* __restrict low = x;
  float* high = x + pairs;
#pragma GCC ivdep
  for (std::size_t i = 0; i < pairs; ++i) {
    const float first = low[i];
    const float second = high[i];
    low[i] = first * cosine[i] - second * sine[i];
    high[i] = second * cosine[i] + first * sine[i];
  }
}

float attention_weights(const std::int32_t* __restrict scores, float query_scale, const float* __restrict key_scales,
                        const float* __restrict value_scales, std::size_t n, float* __restrict scratch,
                        std::int16_t* __restrict weights) {
  for (std::size_t j = 0; j < n; ++j) scratch[j] = (static_cast<float>(scores[j]) * query_scale) * key_scales[j];
  const float maximum = maximum_of(scratch, n);
  std::int32_t denominator = 0;
  std::int32_t largest_bits = 0;  // of non-negative floats, which order as their bits
  for (std::size_t j = 0; j < n; ++j) {
    const float e = exp2_spec(scratch[j] - maximum);
    denominator += round_to_int(e * numerics::kDenominatorOne);
    const float product = e * value_scales[j];
    scratch[j] = product;
    const std::int32_t bits = float_bits(product);
    largest_bits = bits > largest_bits ? bits : largest_bits;
  }
  const float largest = bits_float(largest_bits);
  if (largest < numerics::kTiny) {
    for (std::size_t j = 0; j < n; ++j) weights[j] = 0;
    return 0;
  }
  const float inverse = static_cast<float>(kAttentionWeightOne) / largest;
  for (std::size_t j = 0; j < n; ++j) weights[j] = static_cast<std::int16_t>(round_to_int(scratch[j] * inverse));
  return (largest * numerics::kFourOverOne) / static_cast<float>(denominator);
}

void gated_unit(const float* __restrict gate, const float* __restrict up, std::size_t n, float* __restrict h) {
  for (std::size_t i = 0; i < n; ++i) {
    const float e = exp2_spec(gate[i] * -numerics::kLog2E);
    h[i] = (gate[i] / (1.0f + e)) * up[i];
  }
}

void frequencies(const float* __restrict logits, std::size_t n, std::uint32_t* __restrict frequencies,
                 std::uint64_t* __restrict block_sums) {
  const float maximum = maximum_of(logits, n);
  for (std::size_t i = 0; i < n; ++i) {
    const float e = exp2_spec(logits[i] - maximum);
    const std::int32_t frequency = static_cast<std::int32_t>(e * static_cast<float>(kFrequencyOne));
    frequencies[i] = static_cast<std::uint32_t>(frequency < 1 ? 1 : frequency);
  }
  for (std::size_t begin = 0; begin < n; begin += kFrequencyBlock) {
    const std::size_t end = begin + kFrequencyBlock < n ? begin + kFrequencyBlock : n;
    std::uint64_t sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += frequencies[i];
    block_sums[begin / kFrequencyBlock] = sum;
  }
}

std::uint32_t rank(const float* __restrict logits, std::size_t n, std::size_t token) {
  const float own = logits[token];
  std::uint32_t before = 0;
  for (std::size_t i = 0; i < token; ++i) before += logits[i] >= own ? 1u : 0u;
  for (std::size_t i = token + 1; i < n; ++i) before += logits[i] > own ? 1u : 0u;
  return before;
}
