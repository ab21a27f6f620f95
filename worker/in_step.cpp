#include "worker/in_step.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <new>
#include <string>
#include <vector>

namespace fz::worker {
namespace {

/// Longer texts are cut.
constexpr std::size_t kMostTextBytes = 300;
/// Ranks at work show that they live so often in the time that the others wait for them; and at least so often.
constexpr double kBeatsInTimeout = 10;
constexpr double kMostBeatSeconds = 5;

/// True once no rank works any more.
bool is_all_done(comm::Collective& collective, bool works) {
  std::array<float, 1> working = {works ? 1.0f : 0.0f};
  collective.sum(working);
  return working[0] == 0;
}

}  // namespace

std::optional<Error> error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kUnsupported, "out of memory");
  } catch (const std::exception& error) {
    const std::string text = error.what();
    return Error(ErrorCode::kUnsupported, text.substr(0, text.find('\n')));  // LibTorch adds its stack
  }
  return std::nullopt;
}

void throw_in_step(comm::Collective& collective, const std::optional<Error>& own) {
  // Numbers are all that every rank can give to all others.
  const auto rank = static_cast<std::size_t>(collective.rank());
  std::vector<float> codes(static_cast<std::size_t>(collective.ranks()));
  if (own) codes[rank] = static_cast<float>(own->exit_code());
  collective.sum(codes);
  const auto first = std::find_if(codes.begin(), codes.end(), [](float code) { return code != 0; });
  if (first == codes.end()) return;
  const auto failed_rank = static_cast<std::size_t>(first - codes.begin());
  std::array<float, kMostTextBytes> characters = {};
  if (rank == failed_rank) {
    const std::string text = std::string(own->what()).substr(0, kMostTextBytes);
    std::transform(text.begin(), text.end(), characters.begin(), [](char c) { return static_cast<unsigned char>(c); });
  }
  collective.sum(characters);
  std::string text = codes.size() > 1 ? fmt::format("rank {}: ", failed_rank) : "";
  for (const float character : characters) {
    if (character != 0) text += static_cast<char>(static_cast<unsigned char>(character));
  }
  throw Error(static_cast<ErrorCode>(static_cast<int>(*first)), text);
}

void do_in_step(comm::Collective& collective, const std::function<void()>& work) {
  throw_in_step(collective, error_of(work));
}

void do_at_length_in_step(comm::Collective& collective, const std::function<void()>& work) {
  if (collective.ranks() == 1) return do_in_step(collective, work);
  const std::chrono::duration<double> beat(std::min(kMostBeatSeconds, collective.timeout_seconds() / kBeatsInTimeout));
  std::promise<void> own_end;
  std::future<void> end_of_all = std::async(std::launch::async, [&, is_done = own_end.get_future()] {
    // Who has nothing to do waits in the sum, and whoever works comes to it with every beat.
    while (!is_all_done(collective, is_done.wait_for(beat) != std::future_status::ready)) continue;
  });
  const std::optional<Error> error = error_of(work);
  own_end.set_value();
  end_of_all.get();
  throw_in_step(collective, error);
}

}  // namespace fz::worker
