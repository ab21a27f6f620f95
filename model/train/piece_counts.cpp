#include "model/train/piece_counts.h"

#include <algorithm>

namespace fz::model {
namespace {

constexpr std::size_t kWaitingBytesOfThread = std::size_t{16} << 20;

}  // namespace

PieceCounts::PieceCounts(const std::vector<std::string>& patterns, const std::string& source, ThreadPool& pool)
    : pool_(pool) {
  const PreTokenizer pre_tokenizer(patterns, source);
  for (int thread = 0; thread < pool.threads(); ++thread) counters_.push_back({.pre_tokenizer = pre_tokenizer});
}

void PieceCounts::add(Bytes text, std::uint32_t copies) {
  if (text.empty() || copies == 0) return;
  waiting_bytes_ += text.size();
  waiting_.push_back({std::move(text), copies});
  if (waiting_bytes_ >= kWaitingBytesOfThread * counters_.size()) count_waiting();
}

void PieceCounts::Counter::count(const Text& text) {
  piece_ends.clear();
  pre_tokenizer.cut(text.bytes, piece_ends);
  const std::string_view all = as_string_view(text.bytes);
  std::size_t begin = 0;
  for (const std::size_t end : piece_ends) {
    const std::string_view piece = all.substr(begin, end - begin);
    const auto found = counts.find(piece);
    if (found != counts.end()) {
      found->second += text.copies;
    } else {
      counts.emplace(piece, text.copies);
    }
    begin = end;
  }
}

void PieceCounts::count_waiting() {
  pool_.parallel_for(waiting_.size(), [&](std::size_t index, int thread) {
    counters_[static_cast<std::size_t>(thread)].count(waiting_[index]);
    waiting_[index].bytes = {};
  });
  waiting_.clear();
  waiting_bytes_ = 0;
}

std::vector<CountedPiece> PieceCounts::take() {
  count_waiting();
  Counts& all = counters_.front().counts;
  for (std::size_t i = 1; i < counters_.size(); ++i) {
    Counts more = std::exchange(counters_[i].counts, {});
    while (!more.empty()) {
      auto piece = more.extract(more.begin());
      const auto found = all.find(piece.key());
      if (found != all.end()) {
        found->second += piece.mapped();
      } else {
        all.insert(std::move(piece));
      }
    }
  }
  std::vector<CountedPiece> pieces;
  pieces.reserve(all.size());
  while (!all.empty()) {
    auto piece = all.extract(all.begin());
    pieces.push_back({std::move(piece.key()), piece.mapped()});
  }
  std::sort(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
  return pieces;
}

}  // namespace fz::model
