// Encoding is three steps (docs/model-format.md, "From bytes to tokens"): added tokens, pieces, byte pairs. A bounded
// cache remembers the tokens of short pieces; since a piece's tokens depend on its bytes alone, it cannot change a
// result.
#include "model/tokenizer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "model/byte_pair_encoder.h"
#include "model/pre_tokenizer.h"
#include "model/validate.h"

namespace fz::model {
namespace {

constexpr std::size_t kCacheSlots = std::size_t{1} << 15;  // 2 MiB

/// A piece of up to 24 bytes and its up to 7 tokens, in one line of the processor's cache.
struct alignas(64) CacheEntry {
  static constexpr std::size_t kMaxBytes = 24;
  static constexpr std::size_t kMaxTokens = 7;
  std::array<std::uint64_t, 3> key{};  // the bytes, then zeros
  std::uint8_t size_bytes = 0;         // 0: empty entry
  std::uint8_t token_count = 0;
  std::array<TokenId, kMaxTokens> tokens{};
};
static_assert(sizeof(CacheEntry) == 64);

/// Finds added tokens in text: at each place the longest that begins there.
class AddedTokenFinder {
 public:
  explicit AddedTokenFinder(const TokenizerData& data) {
    for (TokenId id : data.added_tokens) entries_.push_back({data.tokens[id], id});
    std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.text < b.text; });
    for (const Entry& entry : entries_) is_first_byte_[static_cast<std::uint8_t>(entry.text[0])] = true;
  }

  bool empty() const { return entries_.empty(); }

  /// The first place at or after `position` where one begins; text.size() when there is none.
  std::size_t find(ByteSpan text, std::size_t position, TokenId& token, std::size_t& size_bytes) const {
    for (; position < text.size(); ++position) {
      if (is_first_byte_[text[position]] && match(text.subspan(position), token, size_bytes)) return position;
    }
    return text.size();
  }

 private:
  struct Entry {
    std::string text;
    TokenId id;
  };

  /// Narrows the sorted entries byte by byte; the last complete one on the way is the longest.
  bool match(ByteSpan text, TokenId& token, std::size_t& size_bytes) const {
    auto low = entries_.begin(), high = entries_.end();
    bool is_found = false;
    for (std::size_t depth = 0; low != high; ++depth) {
      if (low->text.size() == depth) {  // the shortest comes first; equal ones: the first id
        token = low->id;
        size_bytes = depth;
        is_found = depth > 0;
        while (low != high && low->text.size() == depth) ++low;
      }
      if (depth == text.size()) break;
      const std::uint8_t byte = text[depth];
      const auto byte_at = [depth](const Entry& entry) { return static_cast<std::uint8_t>(entry.text[depth]); };
      low = std::partition_point(low, high, [&](const Entry& entry) { return byte_at(entry) < byte; });
      high = std::partition_point(low, high, [&](const Entry& entry) { return byte_at(entry) == byte; });
    }
    return is_found;
  }

  std::vector<Entry> entries_;  // sorted by text
  std::array<bool, 256> is_first_byte_{};
};

/// What all copies share.
struct Tables {
  Tables(const TokenizerData& data) : tokens(data.tokens), encoder(data), added_tokens(data) {}
  std::vector<std::string> tokens;
  BytePairEncoder encoder;
  AddedTokenFinder added_tokens;
};

const TokenizerData& validated(const TokenizerData& data, const std::string& source) {
  validate_tokenizer(data, source);
  return data;
}

}  // namespace

struct Tokenizer::State {
  State(const TokenizerData& data, const std::string& source)
      : tables(std::make_shared<const Tables>(validated(data, source))), pre_tokenizer(data.patterns, source) {}
  State(const State& other) : tables(other.tables), pre_tokenizer(other.pre_tokenizer) {}

  std::shared_ptr<const Tables> tables;
  PreTokenizer pre_tokenizer;
  std::vector<CacheEntry> cache{kCacheSlots};
  std::vector<std::size_t> piece_ends;
  BytePairEncoder::Scratch scratch;

  void encode_piece(ByteSpan piece, std::vector<TokenId>& output) {
    if (piece.size() > CacheEntry::kMaxBytes) {
      tables->encoder.encode(piece, scratch, output);
      return;
    }
    std::array<std::uint64_t, 3> key{};
    std::memcpy(key.data(), piece.data(), piece.size());
    std::uint64_t hash = (key[0] ^ piece.size() << 56) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 32 ^ key[1]) * 0xc2b2ae3d27d4eb4fu;
    hash = (hash ^ hash >> 29 ^ key[2]) * 0x165667b19e3779f9u;
    CacheEntry& entry = cache[(hash >> 32) % kCacheSlots];
    if (entry.size_bytes == piece.size() && entry.key == key) {
      output.insert(output.end(), entry.tokens.begin(), entry.tokens.begin() + entry.token_count);
      return;
    }
    const std::size_t first = output.size();
    tables->encoder.encode(piece, scratch, output);
    const std::size_t count = output.size() - first;
    if (count > CacheEntry::kMaxTokens) return;
    entry.key = key;
    entry.size_bytes = static_cast<std::uint8_t>(piece.size());
    entry.token_count = static_cast<std::uint8_t>(count);
    std::copy_n(output.begin() + static_cast<std::ptrdiff_t>(first), count, entry.tokens.begin());
  }

  void encode_plain(ByteSpan text, std::vector<TokenId>& output) {
    piece_ends.clear();
    pre_tokenizer.cut(text, piece_ends);
    std::size_t begin = 0;
    for (std::size_t end : piece_ends) {
      encode_piece(text.subspan(begin, end - begin), output);
      begin = end;
    }
  }
};

Tokenizer::Tokenizer(const TokenizerData& data, const std::string& source)
    : state_(std::make_unique<State>(data, source)) {}

Tokenizer::Tokenizer(const Tokenizer& other) : state_(std::make_unique<State>(*other.state_)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<TokenId> Tokenizer::encode(ByteSpan text) const {
  State& state = *state_;
  std::vector<TokenId> output;
  output.reserve(text.size() / 3 + 16);
  const AddedTokenFinder& added_tokens = state.tables->added_tokens;
  if (added_tokens.empty()) {
    state.encode_plain(text, output);
    return output;
  }
  for (std::size_t position = 0; position < text.size();) {
    TokenId token = 0;
    std::size_t size_bytes = 0;
    const std::size_t found = added_tokens.find(text, position, token, size_bytes);
    state.encode_plain(text.subspan(position, found - position), output);
    if (found < text.size()) output.push_back(token);
    position = found + size_bytes;
  }
  return output;
}

ByteSpan Tokenizer::token_bytes(TokenId token) const {
  FZ_CHECK(token < vocabulary_size());
  return as_byte_span(state_->tables->tokens[token]);
}

std::uint32_t Tokenizer::vocabulary_size() const {
  return static_cast<std::uint32_t>(state_->tables->tokens.size());
}

}  // namespace fz::model
