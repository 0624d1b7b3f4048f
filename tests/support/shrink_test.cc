#include "support/shrink.h"

#include <gtest/gtest.h>

#include "support/random_draft.h"

namespace cleave::support {
namespace {

// A large draft that has a tensor between forward operators.
Draft large_draft() {
  for (std::uint64_t seed = 1;; ++seed) {
    Draft draft = random_draft(seed);
    if (draft.operators.size() >= 9 && draft.tensors.size() >= 9 && draft.classes.size() >= 3) {
      return draft;
    }
  }
}

bool has_edge(const model::Problem& problem) { return problem.graph().num_edges() > 0; }

TEST(Shrink, LeavesNothingThatIsNotNeeded) {
  const Draft small = shrink(large_draft(), has_edge);
  EXPECT_EQ(small.operators.size(), 2u);
  ASSERT_EQ(small.tensors.size(), 1u);
  EXPECT_EQ(small.tensors[0].consumers.size(), 1u);
  ASSERT_EQ(small.classes.size(), 1u);
  EXPECT_EQ(small.classes[0].count, 1);
  EXPECT_FALSE(small.classes[0].memory.has_value());
  EXPECT_EQ(small.time_columns.size(), 1u);
  EXPECT_TRUE(small.question.pins.empty());
  EXPECT_TRUE(small.question.forbids.empty());
  for (const model::OperatorSpec& op : small.operators) {
    EXPECT_EQ(op.memory, base::Bytes(0));
    EXPECT_FALSE(op.group.has_value());
    EXPECT_EQ(op.phase, model::Phase::forward);
  }
}

TEST(Shrink, KeepsWhatMakesItFail) {
  const Predicate three_devices = [](const model::Problem& problem) {
    return problem.machine().num_devices() >= 3 && has_edge(problem);
  };
  Draft draft = large_draft();
  ASSERT_TRUE(three_devices(*build(draft)));
  const auto problem = build(shrink(std::move(draft), three_devices));
  ASSERT_TRUE(problem.ok());
  EXPECT_TRUE(three_devices(*problem));
  EXPECT_EQ(problem->machine().num_devices(), 3u);
  EXPECT_EQ(problem->graph().num_operators(), 2u);
}

}  // namespace
}  // namespace cleave::support
