// Counts the pieces into which the pre-tokenizer cuts text: all that training a tokenizer needs to know of it. Texts
// are gathered and counted together on a thread pool; the counts depend neither on their order nor on the number of
// threads. Owned by one trainer; one thread calls.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/thread_pool.h"
#include "model/pre_tokenizer.h"

namespace fz::model {

struct CountedPiece {
  std::string bytes;
  std::uint64_t count = 0;

  bool operator==(const CountedPiece&) const = default;
};

class PieceCounts {
 public:
  /// Throws Error(kCorrupt), naming `source`, when a pattern does not compile. `pool` must live as long.
  PieceCounts(const std::vector<std::string>& patterns, const std::string& source, ThreadPool& pool);

  /// The text counts `copies` times.
  void add(Bytes text, std::uint32_t copies = 1);
  /// In the order of their bytes; leaves the object empty.
  std::vector<CountedPiece> take();

 private:
  struct HashOfText {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Counts = std::unordered_map<std::string, std::uint64_t, HashOfText, std::equal_to<>>;
  struct Text {
    Bytes bytes;
    std::uint32_t copies;
  };
  /// Of one thread.
  struct Counter {
    PreTokenizer pre_tokenizer;
    std::vector<std::size_t> piece_ends{};
    Counts counts{};
    void count(const Text& text);
  };

  void count_waiting();

  ThreadPool& pool_;
  std::vector<Counter> counters_;
  std::vector<Text> waiting_;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace fz::model
