#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "cleave/model/graph.h"

namespace cleave::io {

/// Every field of the graphs, compared by what the accessors say.
inline void expect_same(const model::Graph& a, const model::Graph& b) {
  using base::GroupId;
  using base::OperatorId;
  using base::TensorId;
  ASSERT_EQ(a.num_operators(), b.num_operators());
  ASSERT_EQ(a.num_tensors(), b.num_tensors());
  ASSERT_EQ(a.num_groups(), b.num_groups());
  ASSERT_EQ(a.time_columns(), b.time_columns());
  for (std::size_t v = 0; v < a.num_operators(); ++v) {
    const OperatorId op(v);
    SCOPED_TRACE(a.id(op));
    EXPECT_EQ(a.id(op), b.id(op));
    EXPECT_EQ(a.name(op), b.name(op));
    EXPECT_EQ(a.phase(op), b.phase(op));
    EXPECT_EQ(a.memory(op), b.memory(op));
    EXPECT_EQ(a.weights(op), b.weights(op));
    EXPECT_EQ(a.stash(op), b.stash(op));
    EXPECT_EQ(a.group(op), b.group(op));
    for (std::size_t c = 0; c < a.time_columns().size(); ++c) {
      EXPECT_EQ(a.time(op, c), b.time(op, c));
    }
  }
  for (std::size_t g = 0; g < a.num_groups(); ++g) {
    EXPECT_EQ(a.group_label(GroupId(g)), b.group_label(GroupId(g)));
  }
  for (std::size_t x = 0; x < a.num_tensors(); ++x) {
    const TensorId tensor(x);
    SCOPED_TRACE(x);
    EXPECT_EQ(a.producer(tensor), b.producer(tensor));
    EXPECT_TRUE(std::ranges::equal(a.consumers(tensor), b.consumers(tensor)));
    EXPECT_EQ(a.bytes(tensor), b.bytes(tensor));
    EXPECT_EQ(a.transfer(tensor), b.transfer(tensor));
  }
}

}  // namespace cleave::io
