#include "jobs/job_builder.h"

#include <yaml-cpp/exceptions.h>

#include "base/error.h"
#include "jobs/job_reader.h"

namespace fz::jobs {
namespace {

constexpr const char* kCommandKey = "command";
constexpr const char* kShape = "a job file is lines of the form 'key: value'";
constexpr const char* kNoAnchors = "anchors and aliases are not accepted; put a text that begins with & or * in quotes";

/// What the parser says of a text in quotes, and of everything else that has no tag.
constexpr const char* kQuotedTag = "!";
constexpr const char* kPlainTag = "?";

}  // namespace

JobBuilder::JobBuilder(std::string_view text, const std::string& path) : text_(text), places_(text) {
  job_.path = path;
}

Job JobBuilder::finish() {
  if (documents_ == 0) fail_at(job_.path, {}, "the job file is empty");
  if (job_.command.text.empty())
    fail_at(job_.path, {}, "no key 'command'; a job is for one, as in 'command: compress'");
  return std::move(job_);
}

void JobBuilder::refuse_syntax(const YAML::Mark& mark, const std::string& what) const {
  // Where a pattern like *.txt is not in quotes, the parser looks for an anchor of that name.
  for (const char* anchor_error :
       {YAML::ErrorMsg::UNKNOWN_ANCHOR, YAML::ErrorMsg::ALIAS_NOT_FOUND, YAML::ErrorMsg::ANCHOR_NOT_FOUND,
        YAML::ErrorMsg::CHAR_IN_ALIAS, YAML::ErrorMsg::CHAR_IN_ANCHOR}) {
    if (what.starts_with(anchor_error)) refuse(mark, kNoAnchors);
  }
  refuse(mark, "this is not YAML: " + what);
}

void JobBuilder::OnDocumentStart(const YAML::Mark& mark) {
  if (++documents_ > 1) refuse(mark, "a second document begins here; a job file holds one");
}

void JobBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t) {
  switch (place_) {
    case Place::kOutside:
      refuse(mark, kShape);
    case Place::kBeforeKey:
      refuse(mark, "a key is missing");
    case Place::kInList:
      refuse(mark, fmt::format("'{}' holds a value that is empty", entry_.key.text));
    case Place::kBeforeValue:
      // The mark is where the parser noticed, which may be lines later.
      fail_at(job_.path, entry_.key.position,
              fmt::format("'{}' has no value; give one, or leave it out", entry_.key.text));
  }
}

void JobBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t) {
  refuse(mark, kNoAnchors);
}

void JobBuilder::OnAnchor(const YAML::Mark& mark, const std::string&) {
  refuse(mark, kNoAnchors);
}

void JobBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& text) {
  refuse_tag(mark, tag);
  if (place_ == Place::kOutside) refuse(mark, kShape);
  if (tag == kQuotedTag) refuse_open_quote(mark);
  if (text.empty()) refuse(mark, "an empty text");
  if (text.size() > kMaxTextBytes) {
    refuse(mark, fmt::format("a text of {} bytes; at most {} are accepted", text.size(), kMaxTextBytes));
  }
  // Quoted texts can hold any byte, as "\0".
  if (text.find('\0') != std::string::npos) refuse(mark, "a text with a zero byte");
  if (++values_ > kMaxValues) refuse(mark, fmt::format("more than {} texts", kMaxValues));
  Scalar scalar{text, tag == kQuotedTag, places_.position(offset_bytes(mark))};
  if (place_ == Place::kBeforeKey) return begin_entry(std::move(scalar));
  entry_.values.push_back(std::move(scalar));
  if (place_ == Place::kBeforeValue) end_entry();
}

void JobBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                                 YAML::EmitterStyle::value) {
  refuse_tag(mark, tag);
  switch (place_) {
    case Place::kOutside:
      refuse(mark, kShape);
    case Place::kBeforeKey:
      refuse(mark, "a key is a text, not a list");
    case Place::kInList:
      refuse(mark, fmt::format("'{}' is a list in a list", entry_.key.text));
    case Place::kBeforeValue:
      break;
  }
  entry_.is_list = true;
  place_ = Place::kInList;
}

void JobBuilder::OnSequenceEnd() {
  if (entry_.values.empty()) {
    fail_at(job_.path, entry_.key.position, fmt::format("the list of '{}' is empty; leave it out", entry_.key.text));
  }
  end_entry();
}

void JobBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) {
  refuse_tag(mark, tag);
  switch (place_) {
    case Place::kOutside:
      break;
    case Place::kBeforeKey:
      refuse(mark, "a key is a text, not a mapping");
    case Place::kBeforeValue:
    case Place::kInList:
      refuse(mark, fmt::format("'{}' holds a mapping, where a text belongs; put a text with ': ' in quotes",
                               entry_.key.text));
  }
  place_ = Place::kBeforeKey;
}

void JobBuilder::OnMapEnd() {
  place_ = Place::kOutside;
}

void JobBuilder::refuse(const YAML::Mark& mark, const std::string& message) const {
  fail_at(job_.path, places_.position(offset_bytes(mark)), message);
}

/// The parser counts lines from 0, and columns in bytes from 0.
std::size_t JobBuilder::offset_bytes(const YAML::Mark& mark) const {
  if (mark.line < 0 || mark.column < 0) return 0;
  return places_.offset_bytes(static_cast<std::size_t>(mark.line), static_cast<std::size_t>(mark.column));
}

/// The parser takes the end of the file for the end of a text in quotes.
void JobBuilder::refuse_open_quote(const YAML::Mark& mark) const {
  const std::size_t start = offset_bytes(mark);
  const char quote = start < text_.size() ? text_[start] : '\0';
  if (quote != '"' && quote != '\'') return;  // a block of lines is quoted too, and has no marks
  for (std::size_t i = start + 1; i < text_.size(); ++i) {
    const bool is_escape = quote == '"' ? text_[i] == '\\' : text_.substr(i, 2) == "''";
    if (is_escape) {
      ++i;
    } else if (text_[i] == quote) {
      return;
    }
  }
  refuse(mark, "the quotation mark is never closed");
}

void JobBuilder::refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
  if (!tag.empty() && tag != kQuotedTag && tag != kPlainTag) refuse(mark, "tags are not accepted");
}

void JobBuilder::begin_entry(Scalar key) {
  const auto [earlier, is_new] = keys_.emplace(key.text, key.position);
  if (!is_new) {
    fail_at(job_.path, key.position,
            fmt::format("'{}' is given twice; first in line {}", key.text, earlier->second.line));
  }
  entry_ = Entry{std::move(key), {}, false};
  place_ = Place::kBeforeValue;
}

void JobBuilder::end_entry() {
  place_ = Place::kBeforeKey;
  if (entry_.key.text != kCommandKey) {
    job_.entries.push_back(std::move(entry_));
    return;
  }
  if (entry_.is_list) fail_at(job_.path, entry_.values.front().position, "'command' takes one value, not a list");
  job_.command = entry_.values.front();
}

}  // namespace fz::jobs
