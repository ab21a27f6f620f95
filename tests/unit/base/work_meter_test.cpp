#include "base/work_meter.h"

#include <gtest/gtest.h>

namespace fz {
namespace {

TEST(WorkMeter, KnowsTheDonePartOfTheWorkAtHand) {
  EXPECT_EQ(WorkMeter::bytes(), 0u);
  {
    const WorkScope work(1000);
    EXPECT_EQ(WorkMeter::bytes(), 0u) << "nobody has said how many steps it has";
    WorkMeter::expect_steps(8);
    WorkMeter::advance(2);
    EXPECT_EQ(WorkMeter::bytes(), 250u);
    WorkMeter::advance(20);
    EXPECT_EQ(WorkMeter::bytes(), 1000u) << "more than all is all";
    WorkMeter::expect_steps(4);
    EXPECT_EQ(WorkMeter::bytes(), 0u);
    WorkMeter::advance(1);
  }
  EXPECT_EQ(WorkMeter::bytes(), 0u);
  WorkMeter::expect_steps(4);
  WorkMeter::advance(4);
  EXPECT_EQ(WorkMeter::bytes(), 0u) << "there is no work";
}

}  // namespace
}  // namespace fz
