#include "comm/in_process_transport.h"

#include <gtest/gtest.h>

#include <thread>

namespace fz::comm {
namespace {

TEST(InProcessHub, KeepsOrderAndSender) {
  InProcessHub hub(2);
  hub.worker(Rank{1}).send(Ready{3});
  hub.worker(Rank{1}).send(Finished{});
  const auto first = hub.coordinator().try_receive();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->from, Rank{1});
  EXPECT_EQ(first->message, Message(Ready{3}));
  EXPECT_EQ(hub.coordinator().try_receive()->message, Message(Finished{}));
  EXPECT_FALSE(hub.coordinator().try_receive().has_value());

  hub.coordinator().send(Rank{0}, Stop{});
  EXPECT_EQ(hub.worker(Rank{0}).receive(), std::optional<Message>(Stop{}));
}

TEST(InProcessHub, CloseWakesWorkers) {
  InProcessHub hub(1);
  std::thread worker([&] { EXPECT_FALSE(hub.worker(Rank{0}).receive().has_value()); });
  hub.close();
  worker.join();
}

}  // namespace
}  // namespace fz::comm
