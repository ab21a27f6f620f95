#include "model/train/bpe_trainer.h"

#include <algorithm>
#include <optional>
#include <queue>
#include <unordered_map>

#include "model/byte_level.h"
#include "model/export_tokenizer.h"
#include "model/validate.h"

namespace fz::model {
namespace {

/// The tokens of all pieces lie in one array; a piece that shrinks leaves its end unused.
struct Piece {
  std::size_t begin = 0;
  std::uint32_t tokens = 0;
  std::uint64_t count = 0;
};

using Pair = std::uint64_t;
Pair pair_of(TokenId left, TokenId right) {
  return std::uint64_t{left} << 32 | right;
}
TokenId left_of(Pair pair) {
  return static_cast<TokenId>(pair >> 32);
}
TokenId right_of(Pair pair) {
  return static_cast<TokenId>(pair);
}

struct PairState {
  std::uint64_t count = 0;
  /// Every piece that has the pair, and some that had it.
  std::vector<std::uint32_t> pieces;
};

/// What the heap holds may be out of date: a count has fallen since. Then it is put back with the present one.
struct Candidate {
  std::uint64_t count = 0;
  Pair pair = 0;
  bool operator<(const Candidate& other) const {
    return count != other.count ? count < other.count : pair > other.pair;
  }
};

/// "!" is 1, and so on, as the characters follow each other.
std::vector<std::string> first_tokens() {
  std::vector<std::string> tokens = {""};
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  // Code points and their UTF-8 have the same order.
  std::sort(tokens.begin() + 1, tokens.end(),
            [](const std::string& a, const std::string& b) { return to_byte_level(a) < to_byte_level(b); });
  return tokens;
}

class BpeTrainer {
 public:
  explicit BpeTrainer(const std::vector<CountedPiece>& pieces) {
    result_.tokenizer.tokens = first_tokens();
    for (TokenId id = 0; id < result_.tokenizer.tokens.size(); ++id) ids_[result_.tokenizer.tokens[id]] = id;
    for (const CountedPiece& piece : pieces) add(piece);
    for (const auto& [pair, state] : pairs_) heap_.push({state.count, pair});
  }

  BpeTraining run(std::uint32_t vocabulary_size, const std::function<void(std::uint32_t)>& pause) {
    TokenizerData& tokenizer = result_.tokenizer;
    while (tokenizer.tokens.size() < vocabulary_size && tokenizer.merges.size() < kMaxMerges) {
      const auto pair = take_best();
      if (!pair) break;
      merge(*pair);
      if (pause) pause(static_cast<std::uint32_t>(tokenizer.tokens.size()));
    }
    for (const Piece& piece : pieces_) result_.text_tokens += piece.count * piece.tokens;
    return std::move(result_);
  }

 private:
  void add(const CountedPiece& counted) {
    FZ_CHECK(pieces_.size() < UINT32_MAX);
    const auto index = static_cast<std::uint32_t>(pieces_.size());
    const Piece piece{tokens_.size(), static_cast<std::uint32_t>(counted.bytes.size()), counted.count};
    for (const char byte : counted.bytes) tokens_.push_back(ids_.at(std::string(1, byte)));
    for (std::size_t i = 0; i + 1 < piece.tokens; ++i) {
      count_pair(pair_of(tokens_[piece.begin + i], tokens_[piece.begin + i + 1]), piece.count, index);
    }
    pieces_.push_back(piece);
    result_.text_bytes += counted.count * counted.bytes.size();
  }

  void count_pair(Pair pair, std::uint64_t count, std::uint32_t piece) {
    PairState& state = pairs_[pair];
    state.count += count;
    if (state.pieces.empty() || state.pieces.back() != piece) state.pieces.push_back(piece);
  }

  /// The begin token's text is taken in a tokenizer.json.
  bool may_be_token(Pair pair) const {
    const std::string& left = result_.tokenizer.tokens[left_of(pair)];
    const std::string& right = result_.tokenizer.tokens[right_of(pair)];
    return left.size() + right.size() <= kMaxTokenBytes && left + right != kBeginTokenText;
  }

  /// The most frequent pair, if any occurs twice.
  std::optional<Pair> take_best() {
    while (!heap_.empty()) {
      const Candidate best = heap_.top();
      heap_.pop();
      const auto found = pairs_.find(best.pair);
      if (found == pairs_.end() || found->second.count < 2 || !may_be_token(best.pair)) continue;
      if (found->second.count == best.count) return best.pair;
      if (found->second.count < best.count) heap_.push({found->second.count, best.pair});
    }
    return std::nullopt;
  }

  /// A token of the same bytes may have been made of another pair: it is one token.
  TokenId token_of(Pair pair) {
    auto& tokens = result_.tokenizer.tokens;
    const std::string bytes = tokens[left_of(pair)] + tokens[right_of(pair)];
    const auto [found, is_new] = ids_.emplace(bytes, static_cast<TokenId>(tokens.size()));
    if (is_new) tokens.push_back(bytes);
    return found->second;
  }

  void merge(Pair pair) {
    const TokenId made = token_of(pair);
    result_.tokenizer.merges.push_back({left_of(pair), right_of(pair), made});
    const std::vector<std::uint32_t> pieces = std::move(pairs_[pair].pieces);
    pairs_[pair].pieces.clear();
    for (const std::uint32_t piece : pieces) merge_in(piece, pair, made);
    FZ_CHECK(pairs_[pair].count == 0);
    pairs_.erase(pair);
    // Only pairs with the new token can have become more frequent.
    std::sort(grown_.begin(), grown_.end());
    grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
    for (const Pair more : grown_) {
      if (const auto found = pairs_.find(more); found != pairs_.end()) heap_.push({found->second.count, more});
    }
    grown_.clear();
  }

  /// From left to right, as the encoder does it.
  void merge_in(std::uint32_t index, Pair pair, TokenId made) {
    Piece& piece = pieces_[index];
    TokenId* const tokens = tokens_.data() + piece.begin;
    const std::uint32_t old_size = piece.tokens;
    std::uint32_t size = 0;
    bool changed = false;
    for (std::uint32_t i = 0; i < old_size; ++i) {
      if (i + 1 < old_size && pair_of(tokens[i], tokens[i + 1]) == pair) {
        changed_.push_back(size);
        tokens[size++] = made;
        ++i;
        changed = true;
      } else {
        tokens[size++] = tokens[i];
      }
    }
    if (!changed) return;
    piece.tokens = size;
    recount(index, pair, made);
    changed_.clear();
  }

  /// `changed_` are the places of the piece that hold a token made now. The pairs that were there are counted off,
  /// those that are there now are counted.
  void recount(std::uint32_t index, Pair pair, TokenId made) {
    const Piece& piece = pieces_[index];
    const TokenId* const tokens = tokens_.data() + piece.begin;
    const TokenId left = left_of(pair), right = right_of(pair);
    std::size_t last = SIZE_MAX;  // place of the change before
    for (const std::uint32_t place : changed_) {
      discount(pair, piece.count);
      if (place > 0) {
        const bool follows = last != SIZE_MAX && place == last + 1;
        const TokenId before = tokens[place - 1];
        discount(pair_of(follows ? right : before, left), piece.count);
        grow(pair_of(before, made), piece.count, index);
      }
      const bool is_followed = is_changed(place + 1);
      if (place + 1 < piece.tokens && !is_followed) {
        discount(pair_of(right, tokens[place + 1]), piece.count);
        grow(pair_of(made, tokens[place + 1]), piece.count, index);
      }
      last = place;
    }
  }

  bool is_changed(std::uint32_t place) const { return std::binary_search(changed_.begin(), changed_.end(), place); }

  void discount(Pair pair, std::uint64_t count) {
    const auto found = pairs_.find(pair);
    FZ_CHECK(found != pairs_.end() && found->second.count >= count);
    found->second.count -= count;
  }

  void grow(Pair pair, std::uint64_t count, std::uint32_t index) {
    count_pair(pair, count, index);
    grown_.push_back(pair);
  }

  BpeTraining result_;
  std::unordered_map<std::string, TokenId> ids_;
  std::vector<TokenId> tokens_;
  std::vector<Piece> pieces_;
  std::unordered_map<Pair, PairState> pairs_;
  std::priority_queue<Candidate> heap_;
  std::vector<Pair> grown_;
  std::vector<std::uint32_t> changed_;
};

}  // namespace

BpeTraining train_bpe(const std::vector<CountedPiece>& pieces, std::uint32_t vocabulary_size,
                      const std::function<void(std::uint32_t)>& pause) {
  FZ_CHECK(vocabulary_size >= kSmallestTrainedVocabulary && vocabulary_size <= kMaxVocabulary);
  return BpeTrainer(pieces).run(vocabulary_size, pause);
}

}  // namespace fz::model
