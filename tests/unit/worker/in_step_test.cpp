#include "worker/in_step.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <thread>

#include "support/expect_error.h"
#include "support/in_process_collective.h"

namespace fz::worker {
namespace {

using test::on_ranks;

constexpr int kRanks = 3;
using DoInStep = void (*)(comm::Collective&, const std::function<void()>&);
constexpr DoInStep kBoth[] = {do_in_step, do_at_length_in_step};

void expect_error_of(const std::optional<Error>& error, ErrorCode code, const std::string& text) {
  test::expect_error(code, text, [&] {
    if (error) throw Error(*error);
  });
}

TEST(InStep, EveryRankDoesItsWork) {
  for (const DoInStep& run : kBoth) {
    std::atomic<int> done = 0;
    for (const auto& error : on_ranks(kRanks, [&](comm::Collective& collective) { run(collective, [&] { ++done; }); }))
      EXPECT_FALSE(error.has_value());
    EXPECT_EQ(done, kRanks);
  }
}

TEST(InStep, TheFirstFailureIsThatOfAll) {
  for (const DoInStep& run : kBoth) {
    const auto errors = on_ranks(kRanks, [&](comm::Collective& collective) {
      run(collective, [&] {
        if (collective.rank() > 0) fail(ErrorCode::kInput, "größer: rank {} cannot", collective.rank());
      });
    });
    for (const auto& error : errors) expect_error_of(error, ErrorCode::kInput, "rank 1: größer: rank 1 cannot");
  }
}

TEST(InStep, AloneARankSaysWhatIsWrongAndNoMore) {
  const std::unique_ptr<comm::Collective> alone = comm::make_collective_of_one();
  for (const DoInStep& run : kBoth) {
    try {
      run(*alone, [] { fail(ErrorCode::kOutput, "x: disk full"); });
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kOutput);
      EXPECT_STREQ(error.what(), "x: disk full");
    }
  }
}

TEST(InStep, ExceptionsOfLibrariesAreTranslated) {
  const std::vector<std::pair<std::function<void()>, std::string>> cases = {
      {[] { throw std::bad_alloc(); }, "rank 2: out of memory"},
      {[] { throw std::runtime_error("no such product\nstack of\nthe library"); }, "rank 2: no such product"},
      {[] { throw std::runtime_error(std::string(5000, 'x')); }, "rank 2: xxx"}};
  for (const auto& [work, text] : cases) {
    const auto errors = on_ranks(kRanks, [&](comm::Collective& collective) {
      do_in_step(
          collective, collective.rank() == 2 ? work : [] {});
    });
    for (const auto& error : errors) {
      expect_error_of(error, ErrorCode::kUnsupported, text);
      EXPECT_EQ(std::string(error->what()).find('\n'), std::string::npos);
    }
  }
}

/// Counts the sums that this rank has been through.
class CountedCollective final : public comm::Collective {
 public:
  CountedCollective(comm::Collective& inner, std::atomic<int>& sums) : inner_(inner), sums_(sums) {}
  int rank() const override { return inner_.rank(); }
  int ranks() const override { return inner_.ranks(); }
  double timeout_seconds() const override { return inner_.timeout_seconds(); }
  void sum(std::span<float> values) override {
    inner_.sum(values);
    ++sums_;
  }
  void broadcast(Bytes& bytes) override { inner_.broadcast(bytes); }

 private:
  comm::Collective& inner_;
  std::atomic<int>& sums_;
};

/// Work that ends only when the others have heard of it again and again: by then any timeout would have begun anew.
TEST(InStep, WhoWorksAtLengthIsNotGivenUp) {
  std::atomic<int> sums_of_other = 0;
  const auto errors = on_ranks(
      2,
      [&](comm::Collective& collective) {
        std::atomic<int> unused = 0;
        CountedCollective counted(collective, collective.rank() == 1 ? sums_of_other : unused);
        do_at_length_in_step(counted, [&] {
          while (collective.rank() == 0 && sums_of_other < 3) std::this_thread::yield();
        });
      },
      std::chrono::seconds(1));
  for (const auto& error : errors) EXPECT_FALSE(error.has_value()) << error->what();
}

TEST(InStep, ALostRankIsAnErrorForTheOthers) {
  for (const DoInStep& run : kBoth) {
    const auto errors = on_ranks(kRanks, [&](comm::Collective& collective) {
      if (collective.rank() == 1) fail(ErrorCode::kOutput, "test: this rank dies");
      run(collective, [] {});
    });
    for (const std::size_t rank : {0u, 2u}) expect_error_of(errors[rank], ErrorCode::kLaunch, "a rank has left");
  }
}

}  // namespace
}  // namespace fz::worker
