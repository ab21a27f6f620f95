// A worker beside the main thread: what is carried, what happens when its work is not needed any more.
#include "worker/local_worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "base/error.h"
#include "comm/in_process_transport.h"
#include "support/expect_error.h"
#include "worker/courier.h"

namespace fz::worker {
namespace {

using namespace std::chrono_literals;

/// Block 1 is done at once, block 2 when `let_go` is set, block 3 fails.
class GatedTask final : public Task {
 public:
  void begin(const comm::Begin&, Rank rank) override { rank_ = rank; }
  comm::Ready ready() override { return {}; }
  void process(std::span<const BlockId> blocks, const Report& report) override {
    if (number(blocks[0]) == 2) released_.get_future().wait();
    if (number(blocks[0]) == 3) fail(ErrorCode::kOutput, "no space");
    report({blocks[0], number(rank_), 0});
  }
  void abandon() override { log += "abandon;"; }
  void finish() override {
    log += "finish;";
    if (finish_fails) fail(ErrorCode::kOutput, "cannot sync");
  }
  void let_go() { released_.set_value(); }

  std::string log;
  bool finish_fails = false;

 private:
  Rank rank_{};
  std::promise<void> released_;
};

constexpr Rank r7{7};

comm::Message next(LocalWorker& worker) {
  for (;;) {
    if (auto incoming = worker.try_receive()) {
      EXPECT_EQ(incoming->from, r7);
      return incoming->message;
    }
    worker.wait(1s);
  }
}

comm::Assign assign(std::uint32_t block) {
  return {{BlockId{block}}};
}

/// Begun, and block 1 done.
void begin(LocalWorker& worker) {
  worker.send(r7, comm::Begin{});
  EXPECT_EQ(next(worker), comm::Message(comm::Ready{}));
  worker.send(r7, assign(1));
  EXPECT_EQ(next(worker), comm::Message(comm::BlockDone{BlockId{1}, 7, 0}));
  EXPECT_EQ(next(worker), comm::Message(comm::Ready{}));
}

TEST(LocalWorker, AnIdleWorkerEndsItself) {
  const auto task = std::make_shared<GatedTask>();
  LocalWorker worker(r7, task);
  begin(worker);
  worker.send(r7, comm::Alive{});  // not for the worker
  worker.send(r7, comm::Stop{});
  EXPECT_EQ(next(worker), comm::Message(comm::Finished{}));
  worker.join();
  EXPECT_FALSE(worker.is_left_behind());
  EXPECT_EQ(task->log, "finish;");
}

TEST(LocalWorker, StoppedAtWorkItIsLeftBehindButWhatItDidIsFinished) {
  const auto task = std::make_shared<GatedTask>();
  LocalWorker worker(r7, task);
  begin(worker);
  worker.send(r7, assign(2));
  worker.send(r7, comm::Stop{});
  EXPECT_EQ(next(worker), comm::Message(comm::Finished{}));
  EXPECT_TRUE(worker.is_left_behind());
  EXPECT_EQ(task->log, "abandon;finish;");
  task->let_go();
  worker.wait(1ms);
  EXPECT_FALSE(worker.try_receive().has_value());  // what it reports now is not heard
}

TEST(LocalWorker, StoppedAtItsFirstBlockItHasNothingToFinish) {
  const auto task = std::make_shared<GatedTask>();
  LocalWorker worker(r7, task);
  worker.send(r7, comm::Begin{});
  EXPECT_EQ(next(worker), comm::Message(comm::Ready{}));
  worker.send(r7, assign(2));
  worker.send(r7, comm::Stop{});
  EXPECT_EQ(next(worker), comm::Message(comm::Finished{}));
  EXPECT_EQ(task->log, "abandon;");
  task->let_go();
}

TEST(LocalWorker, AfterAFailureStopStillMakesDurableWhatWasDone) {
  for (const bool finish_fails : {false, true}) {
    const auto task = std::make_shared<GatedTask>();
    task->finish_fails = finish_fails;
    LocalWorker worker(r7, task);
    begin(worker);
    worker.send(r7, assign(3));
    EXPECT_EQ(next(worker), comm::Message(comm::Failed{4, "no space"}));
    worker.send(r7, comm::Stop{});
    EXPECT_EQ(next(worker), finish_fails ? comm::Message(comm::Failed{4, "cannot sync"}) : comm::Finished{});
    EXPECT_FALSE(worker.is_left_behind());
    EXPECT_EQ(task->log, "finish;");
  }
}

TEST(Courier, CarriesBothWaysAndShowsThatTheRankLives) {
  comm::InProcessHub hub(1, r7);
  LocalWorker local(r7, std::make_shared<GatedTask>());
  std::thread main([&] { EXPECT_TRUE(carry_messages(hub.worker(r7), &local, {}).ranks_lost); });
  const auto hear = [&]() -> comm::Message {
    for (;;) {
      if (auto incoming = hub.coordinator().try_receive()) return incoming->message;
      hub.coordinator().wait(1s);
    }
  };
  EXPECT_EQ(hear(), comm::Message(comm::Alive{}));
  hub.coordinator().send(r7, comm::Begin{});
  EXPECT_EQ(hear(), comm::Message(comm::Ready{}));
  hub.coordinator().send(r7, assign(1));
  EXPECT_EQ(hear(), comm::Message(comm::BlockDone{BlockId{1}, 7, 0}));
  EXPECT_EQ(hear(), comm::Message(comm::Ready{}));
  hub.coordinator().send(r7, comm::Stop{});
  EXPECT_EQ(hear(), comm::Message(comm::Finished{}));
  hub.coordinator().send(r7, comm::Leave{true});
  main.join();
}

TEST(Courier, ARankWithoutAWorkerOnlyWaits) {
  comm::InProcessHub hub(1);
  hub.coordinator().send(Rank{0}, assign(1));  // dealt before its failure was known
  hub.coordinator().send(Rank{0}, comm::Stop{});
  hub.coordinator().send(Rank{0}, comm::Leave{});
  EXPECT_FALSE(carry_messages(hub.worker(Rank{0}), nullptr, {}).ranks_lost);
}

TEST(Courier, GivesUpWhenTheCoordinatorIsSilent) {
  comm::InProcessHub hub(1);
  const comm::Patience little{.silence_seconds = 0.01, .first_word_seconds = 0.02};
  EXPECT_THROW(carry_messages(hub.worker(Rank{0}), nullptr, little), CoordinatorLost);
  hub.coordinator().send(Rank{0}, comm::Alive{});
  try {
    carry_messages(hub.worker(Rank{0}), nullptr, little);
    FAIL();
  } catch (const CoordinatorLost& lost) {
    EXPECT_DOUBLE_EQ(lost.silence_seconds, 0.05);
  }
}

}  // namespace
}  // namespace fz::worker
