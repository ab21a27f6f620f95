#include "worker/worker.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "comm/in_process_transport.h"

namespace fz::worker {
namespace {

class RecordingTask final : public Task {
 public:
  void begin(const comm::Begin& begin, Rank rank) override {
    log += fmt::format("begin {} at {};", begin.run, number(rank));
  }
  comm::Ready ready() override { return {2, 5}; }
  void process(std::span<const BlockId> blocks, const Report& report) override {
    for (const BlockId block : blocks) {
      if (number(block) == 13) fail(ErrorCode::kCorrupt, "a.fz: block 13: bad");
      if (number(block) == 14) throw std::runtime_error("surprise");
      log += fmt::format("block {};", number(block));
      report({block, 10, 20});
    }
  }
  void finish() override { log += "finish;"; }
  std::string log;
};

/// Everything the worker sent, after it has run on these messages.
std::vector<comm::Message> run(RecordingTask& task, const std::vector<comm::Message>& messages, bool expected) {
  comm::InProcessHub hub(1);
  for (const comm::Message& message : messages) hub.coordinator().send(Rank{0}, message);
  EXPECT_EQ(run_worker(hub.worker(Rank{0}), task), expected);
  std::vector<comm::Message> sent;
  while (auto incoming = hub.coordinator().try_receive()) sent.push_back(incoming->message);
  return sent;
}

using List = std::vector<comm::Message>;

TEST(Worker, PullsUntilStopped) {
  RecordingTask task;
  const List sent = run(task, {comm::Begin{3, "", false}, comm::Assign{{BlockId{1}, BlockId{2}}}, comm::Stop{}}, true);
  EXPECT_EQ(task.log, "begin 3 at 0;block 1;block 2;finish;");
  EXPECT_EQ(sent, (List{comm::Ready{2, 5}, comm::BlockDone{BlockId{1}, 10, 20}, comm::BlockDone{BlockId{2}, 10, 20},
                        comm::Ready{2, 5}, comm::Finished{}}));
}

TEST(Worker, ErrorsGoToTheCoordinator) {
  RecordingTask task;
  EXPECT_EQ(run(task, {comm::Assign{{BlockId{13}}}}, false), (List{comm::Failed{5, "a.fz: block 13: bad"}}));
  EXPECT_EQ(run(task, {comm::Assign{{BlockId{14}}}}, false),
            (List{comm::Failed{1, "rank 0: unexpected error: surprise"}}));
  const List sent = run(task, {comm::Ready{1}}, false);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(std::get<comm::Failed>(sent[0]).exit_code, 8u);
}

}  // namespace
}  // namespace fz::worker
