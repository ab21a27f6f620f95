#include "comm/message.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace fz::comm {
namespace {

const std::vector<Message> kMessages = {Begin{7, ".fz-partial-abc", true},
                                        Leave{true},
                                        Alive{},
                                        Alive{std::uint64_t{1} << 40},
                                        Assign{{BlockId{3}, BlockId{9}}},
                                        Assign{},
                                        Stop{},
                                        Ready{4, 300},
                                        BlockDone{BlockId{5}, 1ull << 40, 77},
                                        Finished{},
                                        Failed{5, "corpus.fz: bad"}};

TEST(Message, RoundTrip) {
  for (const Message& message : kMessages) EXPECT_EQ(parse_message(serialize(message)), message);
}

TEST(Message, RefusesTornAndLong) {
  for (const Message& message : kMessages) {
    Bytes bytes = serialize(message);
    bytes.push_back(0);
    test::expect_error(ErrorCode::kLaunch, "same fz-dist", [&] { parse_message(bytes); });
    bytes.pop_back();
    bytes.pop_back();
    test::expect_error(ErrorCode::kLaunch, "same fz-dist", [&] { parse_message(bytes); });
  }
  test::expect_error(ErrorCode::kLaunch, "unknown type", [&] { parse_message(Bytes{99}); });
}

}  // namespace
}  // namespace fz::comm
