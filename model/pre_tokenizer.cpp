#include "model/pre_tokenizer.h"

#include <algorithm>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/display.h"

namespace fz::model {
namespace {

/// Backtracking steps before a pattern gives up on a place: far above what real pre-tokenizers need in one window,
/// low enough that a hostile pattern costs milliseconds.
constexpr std::uint32_t kMatchLimit = 200'000;
constexpr std::size_t kJitStackBytes = std::size_t{1} << 20;

/// Bytes of the valid UTF-8 character at the start of `text`; 0 when there is none.
std::size_t character_bytes(ByteSpan text) {
  return utf8_sequence_bytes(as_string_view(text));
}

}  // namespace

std::size_t valid_utf8_prefix(ByteSpan text) {
  std::size_t position = 0;
  while (position < text.size()) {
    if (text.size() - position >= 8) {  // eight ASCII bytes at once
      std::uint64_t word;
      std::memcpy(&word, text.data() + position, sizeof(word));
      if ((word & 0x8080808080808080u) == 0) {
        position += 8;
        continue;
      }
    }
    const std::size_t size = character_bytes(text.subspan(position));
    if (size == 0) break;
    position += size;
  }
  return position;
}

struct PreTokenizer::Pattern {
  pcre2_code* code = nullptr;
  bool is_jit = false;

  Pattern(const std::string& text, const std::string& source) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                         PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
    if (code == nullptr) {
      PCRE2_UCHAR message[128] = {};
      pcre2_get_error_message(error, message, std::size(message));
      fail(ErrorCode::kCorrupt, "{}: tokenizer: pattern does not compile at character {}: {}", source, offset,
           reinterpret_cast<const char*>(message));
    }
    is_jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
  }
  ~Pattern() { pcre2_code_free(code); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
};

struct PreTokenizer::MatchBuffers {
  pcre2_match_data* match = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 * 1024, kJitStackBytes, nullptr);

  MatchBuffers() {
    FZ_CHECK(match != nullptr && context != nullptr);
    pcre2_set_match_limit(context, kMatchLimit);
    if (stack != nullptr) pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~MatchBuffers() {
    pcre2_match_data_free(match);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
  MatchBuffers(const MatchBuffers&) = delete;
  MatchBuffers& operator=(const MatchBuffers&) = delete;
};

PreTokenizer::PreTokenizer(const std::vector<std::string>& patterns, const std::string& source)
    : buffers_(std::make_unique<MatchBuffers>()) {
  for (const std::string& pattern : patterns) patterns_.push_back(std::make_shared<const Pattern>(pattern, source));
}

PreTokenizer::PreTokenizer(const PreTokenizer& other)
    : patterns_(other.patterns_), buffers_(std::make_unique<MatchBuffers>()) {}

PreTokenizer& PreTokenizer::operator=(const PreTokenizer& other) {
  patterns_ = other.patterns_;
  return *this;
}

PreTokenizer::~PreTokenizer() = default;

void PreTokenizer::cut(ByteSpan text, std::vector<std::size_t>& piece_ends) const {
  std::size_t position = 0;
  while (position < text.size()) {
    const std::size_t valid_bytes = valid_utf8_prefix(text.subspan(position));
    if (valid_bytes > 0) cut_valid(text.subspan(position, valid_bytes), position, 0, piece_ends);
    position += valid_bytes;
    const std::size_t begin = position;
    while (position < text.size() && position - begin < kWindowBytes && character_bytes(text.subspan(position)) == 0) {
      ++position;
    }
    if (position > begin) piece_ends.push_back(position);
  }
}

/// `run` is valid UTF-8 and begins at `run_offset` of the text; patterns from `level` on cut it.
void PreTokenizer::cut_valid(ByteSpan run, std::size_t run_offset, std::size_t level,
                             std::vector<std::size_t>& piece_ends) const {
  const bool has_pattern = level < patterns_.size();
  const auto emit = [&](std::size_t begin, std::size_t end) {
    if (begin == end) return;
    if (level + 1 < patterns_.size()) {
      cut_valid(run.subspan(begin, end - begin), run_offset + begin, level + 1, piece_ends);
    } else {
      piece_ends.push_back(run_offset + end);
    }
  };
  std::size_t position = 0;
  while (position < run.size()) {
    std::size_t window_end = std::min(position + kWindowBytes, run.size());
    while (window_end < run.size() && (run[window_end] & 0xc0) == 0x80) --window_end;
    std::size_t begin = window_end, end = window_end;  // of the match; empty at the window's end: there is none
    if (has_pattern) {
      const Pattern& pattern = *patterns_[level];
      const auto* subject = reinterpret_cast<PCRE2_SPTR>(run.data());
      // An empty match would not move on, so it does not count. The UTF-8 is known to be valid: a check by pcre2_match,
      // of the whole run each time, would make this quadratic; pcre2_jit_match never checks.
      const int result = pattern.is_jit
                             ? pcre2_jit_match(pattern.code, subject, window_end, position, PCRE2_NOTEMPTY,
                                               buffers_->match, buffers_->context)
                             : pcre2_match(pattern.code, subject, window_end, position,
                                           PCRE2_NOTEMPTY | PCRE2_NO_UTF_CHECK, buffers_->match, buffers_->context);
      if (result >= 0) {
        const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(buffers_->match);
        // \K may move a match's start: what does not fit counts as no match.
        if (bounds[0] >= position && bounds[1] > bounds[0] && bounds[1] <= window_end) {
          begin = bounds[0];
          end = bounds[1];
        }
      }  // Any error, such as a limit or the stack: the window is one piece. Any cut is lossless.
    }
    emit(position, begin);
    emit(begin, end);
    position = end;
  }
}

}  // namespace fz::model
