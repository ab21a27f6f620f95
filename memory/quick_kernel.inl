// The quick memory's loop (docs/numerics.md, part IV), compiled once for each CPU level. As in memory_kernels.inl,
// nothing from outside this file may be inline here but what always is. It keeps to one thought: what a decision needs
// from far away is fetched a decision earlier, for the bit that is then expected.
namespace {

using fz::memory::BitHistory;
using fz::memory::combine;
using fz::memory::Eight;
using fz::memory::extend_word;
using fz::memory::kBitHistories;
using fz::memory::kLogistic;
using fz::memory::kMaxLogit;
using fz::memory::kMaxWeight;
using fz::memory::kQuickContexts;
using fz::memory::kQuickKnotDistance;
using fz::memory::kQuickKnots;
using fz::memory::QuickBucket;
using fz::memory::QuickState;
using fz::memory::QuickText;

constexpr int kMapShift = 7;
constexpr int kRefinementShift = 6;
constexpr int kRate = 10;
constexpr int kFirstRate = 248;  // besides, falling to the half at kRateHalf
constexpr int kRateHalf = 2048;
constexpr std::uint32_t kShortestMatch = 6;
constexpr std::uint32_t kNoneAbove = 256;
constexpr int kBias = 256;
constexpr int kOrderOfMatch = 4;  // the context that hashes as many bytes as the shortest match has

struct QuickHashes {
  std::uint32_t of[kQuickContexts];
};

/// The byte that the match expects.
struct QuickExpected {
  bool is_there;
  std::uint32_t byte;
  int length_class;
};

/// One bit: what was asked for it, and said.
struct QuickDecision {
  std::uint32_t node;
  BitHistory histories[kQuickContexts];
  Eight probabilities;
  Eight inputs[2];  // logits; behind the contexts the match and the bias
  bool match_fits;
  unsigned expected_bit;
  Eight* weights[2];
  int outputs[2];  // logits of the mixers
  std::int32_t* nearest_knot;
};

std::int32_t learnt(std::int32_t probability, unsigned bit, int shift) {
  return probability + (((bit != 0 ? INT32_MAX : 0) - probability) >> shift);
}

int limited(int logit) {
  return logit < -kMaxLogit ? -kMaxLogit : logit > kMaxLogit ? kMaxLogit : logit;
}

std::uint32_t hash_of_bytes(std::uint64_t last_bytes, unsigned count) {
  const std::uint64_t bytes = last_bytes & (~std::uint64_t{0} >> (64 - 8 * count));
  return static_cast<std::uint32_t>((bytes + count) * 0x9E3779B97F4A7C15u >> 32);
}

void hash_contexts(const QuickText& text, const std::uint8_t* bytes, QuickHashes& hashes) {
  const std::uint32_t last = text.last_bytes & 255;
  const std::uint32_t column = text.position - text.line_begin;
  const std::uint32_t place_above = text.above_begin + column;
  const std::uint32_t above = place_above < text.line_begin ? bytes[place_above] : kNoneAbove;
  constexpr unsigned kOrders[] = {1, 2, 3, 4, 6};
  for (int i = 0; i < 5; ++i) hashes.of[i] = hash_of_bytes(text.last_bytes, kOrders[i]);
  hashes.of[5] = combine(text.word, last);
  hashes.of[6] = combine(combine(above, last), text.first_of_line + (column < 255 ? column : 255) * 256);
  hashes.of[7] = combine(text.word + 1, text.previous_word);
}

void advance(QuickText& text, std::uint8_t byte) {
  if (text.position == text.line_begin) text.first_of_line = byte;
  ++text.position;
  text.last_bytes = text.last_bytes << 8 | byte;
  if (extend_word(text.word, byte)) return;
  if (text.word != 0) text.previous_word = text.word;
  text.word = 0;
  if (byte != '\n') return;
  text.above_begin = text.line_begin;
  text.line_begin = text.position;
}

std::uint32_t hash_of_path(std::uint32_t context, std::uint32_t path) {
  const std::uint32_t x = (context + path * 0x9E3779B1u) * 0x85EBCA77u;
  return x ^ x >> 15;
}

void prefetch(const QuickState& state, const QuickHashes& hashes, std::uint32_t path) {
  for (int i = 0; i < kQuickContexts; ++i)
    __builtin_prefetch(&state.buckets[i][hash_of_path(hashes.of[i], path) >> state.bucket_shift]);
}

/// The bucket of the hash, or the one of two that has seen less, emptied. Without branches: nobody can guess them.
BitHistory* open_bucket(QuickBucket* buckets, int shift, std::uint32_t hash) {
  const std::uint32_t number = hash >> shift;
  const QuickBucket& first = buckets[number];
  const QuickBucket& second = buckets[number ^ 1];
  const auto check = static_cast<std::uint8_t>((hash & 255) + ((hash & 255) == 0));
  const unsigned is_first = first.check == check ? 1 : 0;
  const unsigned is_second = second.check == check ? 1 : 0;
  const unsigned second_is_poorer =
      kBitHistories.bits_seen[second.nodes[0]] < kBitHistories.bits_seen[first.nodes[0]] ? 1 : 0;
  QuickBucket& bucket = buckets[number ^ ((is_first ^ 1) & (is_second | second_is_poorer))];
  std::uint64_t halves[2];
  static_assert(sizeof(halves) == sizeof(bucket));
  __builtin_memcpy(halves, &bucket, sizeof(halves));
  const std::uint64_t kept = -std::uint64_t{is_first | is_second};
  halves[0] &= kept;
  halves[1] &= kept;
  __builtin_memcpy(&bucket, halves, sizeof(halves));
  bucket.check = check;
  return bucket.nodes;
}

int match_class(std::uint32_t length) {
  const std::uint32_t number = length < 16 ? length : length < 32 ? 16 + (length - 16) / 4 : 20 + (length - 32) / 16;
  return static_cast<int>(number < 31 ? number : 31);
}

/// After the byte: the match goes on, or another one is looked for.
void update_match(QuickState& state, const std::uint8_t* bytes, std::uint32_t hash) {
  const std::uint32_t position = state.text.position;
  if (state.match_length > 0 && bytes[state.match_position] == bytes[position - 1]) {
    ++state.match_length;
    ++state.match_position;
  } else {
    state.match_length = 0;
  }
  if (position < kShortestMatch) return;
  std::uint32_t& place = state.places[hash >> state.place_shift];
  if (state.match_length == 0 && place > 0) {
    std::uint32_t length = 0;
    while (length < 64 && length < place && bytes[place - 1 - length] == bytes[position - 1 - length]) ++length;
    if (length >= kShortestMatch) {
      state.match_length = length;
      state.match_position = place;
    }
  }
  place = position;
}

/// The logit that a set of weights makes of the inputs.
int mix(const Eight* weights, const Eight* inputs) {
  const Eight sums = ((weights[0] * inputs[0]) >> 5) + ((weights[1] * inputs[1]) >> 5);
  return limited(((sums[0] + sums[4]) + (sums[1] + sums[5]) + ((sums[2] + sums[6]) + (sums[3] + sums[7]))) >> 11);
}

void train(Eight* weights, const Eight* inputs, int logit, unsigned bit, int rate) {
  const int error = (bit != 0 ? 65536 : 0) - kLogistic.squash[logit + kMaxLogit];
  const int gradient = (error * rate + 2048) >> 12;
  constexpr Eight kMost = {kMaxWeight, kMaxWeight, kMaxWeight, kMaxWeight,
                           kMaxWeight, kMaxWeight, kMaxWeight, kMaxWeight};
  for (int half = 0; half < 2; ++half) {
    Eight changed = weights[half] + ((inputs[half] * gradient + 128) >> 8);
    changed = changed > kMost ? kMost : changed;
    weights[half] = changed < -kMost ? -kMost : changed;
  }
}

/// What the contexts and the match say of the bit at `level`.
void ask(const QuickState& state, BitHistory* const* nodes, const QuickExpected& expected, int level,
         std::uint32_t path, QuickDecision& decision) {
  const std::uint32_t first_node = (1u << level % 4) - 1;
  decision.node = first_node + (path & first_node);
  const auto probability = [&](int i) {
    decision.histories[i] = nodes[i][decision.node];
    return state.history_maps[i][decision.histories[i]];
  };
  const auto logit = [&](std::int32_t p) { return std::int32_t{state.stretch[p >> 19]}; };
  // From registers into registers: vectors loaded from what was just stored would have to wait.
  const std::int32_t p0 = probability(0), p1 = probability(1), p2 = probability(2), p3 = probability(3),
                     p4 = probability(4), p5 = probability(5), p6 = probability(6), p7 = probability(7);
  decision.probabilities = Eight{p0, p1, p2, p3, p4, p5, p6, p7};
  decision.inputs[0] = Eight{logit(p0), logit(p1), logit(p2), logit(p3), logit(p4), logit(p5), logit(p6), logit(p7)};

  decision.match_fits = expected.is_there && (expected.byte | 256) >> (8 - level) == path;
  decision.expected_bit = expected.byte >> (7 - level) & 1;
  int match_logit = 0;
  if (decision.match_fits) {
    match_logit = logit(state.match_map[expected.length_class]);
    if (decision.expected_bit == 0) match_logit = -match_logit;
  }
  decision.inputs[1] = Eight{match_logit, kBias};
}

/// The probability of a one, in units of 1/65536.
int combine_answers(QuickState& state, const QuickExpected& expected, int level, std::uint32_t path,
                    QuickDecision& decision) {
  int known = 0;
  for (int i = 1; i < kQuickContexts; ++i) known += decision.histories[i] != 0;
  const int match_state = !decision.match_fits         ? 0
                          : expected.length_class < 15 ? 1
                          : expected.length_class < 24 ? 2
                                                       : 3;
  const int level_class = level == 0 ? 0 : level < 3 ? 1 : level < 5 ? 2 : 3;
  decision.weights[0] = state.mixers[0][path];
  decision.weights[1] = state.mixers[1][(match_state * 8 + known) * 4 + level_class];
  for (int i = 0; i < 2; ++i) decision.outputs[i] = mix(decision.weights[i], decision.inputs);
  const int mixed = (decision.outputs[0] + decision.outputs[1]) >> 1;

  const int place = mixed + kQuickKnots / 2 * kQuickKnotDistance;
  const int offset = place & (kQuickKnotDistance - 1);
  const std::uint32_t last = state.text.last_bytes & 255;
  std::int32_t* const knot = &state.refinements[combine(last, path) & 4095][place / kQuickKnotDistance];
  decision.nearest_knot = &knot[offset >= kQuickKnotDistance / 2];
  const int refined = ((knot[0] >> 15) * (kQuickKnotDistance - offset) + (knot[1] >> 15) * offset) / kQuickKnotDistance;
  const int one = (kLogistic.squash[mixed + kMaxLogit] + refined + 1) >> 1;
  return one < 1 ? 1 : one > 65535 ? 65535 : one;
}

void learn(QuickState& state, BitHistory* const* nodes, const QuickExpected& expected, QuickDecision& decision,
           unsigned bit, int rate) {
  for (int i = 0; i < 2; ++i) train(decision.weights[i], decision.inputs, decision.outputs[i], bit, rate);
  decision.probabilities += ((bit != 0 ? INT32_MAX : 0) - decision.probabilities) >> kMapShift;
  for (int i = 0; i < kQuickContexts; ++i) {
    const BitHistory history = decision.histories[i];
    nodes[i][decision.node] = kBitHistories.next[history][bit];
    state.history_maps[i][history] = decision.probabilities[i];
  }
  if (decision.match_fits) {
    std::int32_t& map = state.match_map[expected.length_class];
    map = learnt(map, bit == decision.expected_bit, kMapShift);
  }
  *decision.nearest_knot = learnt(*decision.nearest_knot, bit, kRefinementShift);
}

void code_quickly(QuickState& state, std::uint8_t* bytes, std::uint32_t end, fz::memory::QuickDecide decide,
                  void* coder) {
  QuickText& text = state.text;
  QuickHashes hashes;
  hash_contexts(text, bytes, hashes);
  while (text.position < end) {
    const std::uint32_t position = text.position;
    const int rate = kRate + kFirstRate * kRateHalf / static_cast<int>(kRateHalf + position);
    const bool has_match = state.match_length > 0;
    const QuickExpected expected = {has_match, has_match ? bytes[state.match_position] : 0u,
                                    match_class(state.match_length)};
    BitHistory* nodes[kQuickContexts];
    QuickText next_text;
    QuickHashes next_hashes;
    std::uint8_t next_byte = 0;
    std::uint32_t path = 1;
    for (int level = 0; level < 8; ++level) {
      if (level % 4 == 0) {
        for (int i = 0; i < kQuickContexts; ++i)
          nodes[i] = open_bucket(state.buckets[i], state.bucket_shift, hash_of_path(hashes.of[i], path));
      }
      QuickDecision decision;
      ask(state, nodes, expected, level, path, decision);
      const int one = combine_answers(state, expected, level, path, decision);
      const std::uint32_t expected_path = path * 2 + (one >= 32768);
      if (level == 3) prefetch(state, hashes, expected_path);
      if (level == 7) {
        next_byte = static_cast<std::uint8_t>(expected_path);
        next_text = text;
        bytes[position] = next_byte;
        advance(next_text, next_byte);
        hash_contexts(next_text, bytes, next_hashes);
        prefetch(state, next_hashes, 1);
        __builtin_prefetch(&state.places[next_hashes.of[kOrderOfMatch] >> state.place_shift]);
      }
      const unsigned bit = decide(coder, static_cast<std::uint16_t>(65536 - one));
      learn(state, nodes, expected, decision, bit, rate);
      path = path * 2 + bit;
    }
    const auto byte = static_cast<std::uint8_t>(path);
    bytes[position] = byte;
    if (byte == next_byte) {
      text = next_text;
      hashes = next_hashes;
    } else {
      advance(text, byte);
      hash_contexts(text, bytes, hashes);
      prefetch(state, hashes, 1);
    }
    update_match(state, bytes, hashes.of[kOrderOfMatch]);
  }
}

}  // namespace
