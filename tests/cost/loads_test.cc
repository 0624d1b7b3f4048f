#include "cleave/cost/loads.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace cleave::cost {
namespace {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using model::Phase;
using model::Schedule;
using model::Transfers;

// A forward chain a → b → c with a skip tensor from a to both b and c, and the backward chain
// C → B → A. Device class "accelerator" (two) pays transfers, "cpu" (one) does not.
model::Problem chain(std::optional<Schedule> schedule, Transfers transfers, bool training) {
  model::GraphBuilder builder({"accelerator", "cpu"});
  const auto add = [&](const char* id, Phase phase, int time) {
    model::OperatorSpec spec;
    spec.id = id;
    spec.phase = phase;
    spec.memory = Bytes(time);
    spec.times = {Duration(time), Duration(10 * time)};
    return builder.add_operator(std::move(spec));
  };
  const auto tensor = [&](OperatorId from, std::vector<OperatorId> to, int transfer) {
    builder.add_tensor({from, std::move(to), std::nullopt, Duration(transfer)});
  };
  const OperatorId a = add("a", Phase::forward, 1);
  const OperatorId b = add("b", Phase::forward, 2);
  const OperatorId c = add("c", Phase::forward, 4);
  tensor(a, {b, c}, 100);
  tensor(b, {c}, 1000);
  if (training) {
    const OperatorId back_c = add("C", Phase::backward, 8);
    const OperatorId back_b = add("B", Phase::backward, 16);
    tensor(c, {back_c}, 7);
    tensor(back_c, {back_b}, 20000);
  }
  model::DeviceClass accelerator{"accelerator", 2, Bytes(20), true, std::nullopt, "accelerator"};
  model::DeviceClass cpu{"cpu", 1, std::nullopt, false, std::nullopt, "cpu"};
  model::Question question;
  question.schedule = schedule;
  question.transfers = transfers;
  return model::Problem::create(
             std::make_shared<const model::Graph>(std::move(builder).build().value()),
             model::Machine::create({accelerator, cpu}).value(), question)
      .value();
}

model::Placement place(std::vector<int> devices) {
  model::Placement placement;
  for (const int d : devices) placement.push_back(DeviceId(d));
  return placement;
}

TEST(Combine, IsWhatTheTransferModelSays) {
  const Duration in(3), compute(4), out(2);
  EXPECT_EQ(combine(Transfers::serial, in, compute, out), Duration(9));
  EXPECT_EQ(combine(Transfers::half_duplex, in, compute, out), Duration(5));
  EXPECT_EQ(combine(Transfers::full_duplex, in, compute, out), Duration(4));
}

TEST(Evaluate, CountsATensorOnceIntoADeviceAndOnceOut) {
  const auto problem = chain(std::nullopt, Transfers::serial, false);
  const Evaluation result = evaluate(problem, place({0, 1, 1}));
  EXPECT_EQ(result.devices[0].in, Duration(0));
  EXPECT_EQ(result.devices[0].compute, Duration(1));
  EXPECT_EQ(result.devices[0].out, Duration(100));
  EXPECT_EQ(result.devices[0].load, Duration(101));
  EXPECT_EQ(result.devices[1].in, Duration(100));
  EXPECT_EQ(result.devices[1].compute, Duration(6));
  EXPECT_EQ(result.devices[1].out, Duration(0));
  EXPECT_EQ(result.devices[1].load, Duration(106));
  EXPECT_EQ(result.devices[2], model::DeviceLoad{});
  EXPECT_EQ(result.objective, Duration(106));
  EXPECT_TRUE(result.fits);
}

TEST(Evaluate, BooksInAndOutOfTheDeviceInBetween) {
  const auto problem = chain(std::nullopt, Transfers::full_duplex, false);
  const Evaluation result = evaluate(problem, place({0, 1, 0}));
  EXPECT_EQ(result.devices[0].in, Duration(1000));
  EXPECT_EQ(result.devices[0].out, Duration(100));
  EXPECT_EQ(result.devices[1].in, Duration(100));
  EXPECT_EQ(result.devices[1].out, Duration(1000));
  EXPECT_EQ(result.objective, Duration(1000));
}

TEST(Evaluate, HostDevicesMoveDataForNothing) {
  const auto problem = chain(std::nullopt, Transfers::serial, false);
  const Evaluation result = evaluate(problem, place({0, 2, 2}));
  EXPECT_EQ(result.devices[0].load, Duration(101));
  EXPECT_EQ(result.devices[2].in, Duration(0));
  EXPECT_EQ(result.devices[2].load, Duration(60));
}

TEST(Evaluate, AddsBothPhasesIn1f1b) {
  const auto problem = chain(Schedule::one_f_one_b, Transfers::half_duplex, true);
  const Evaluation result = evaluate(problem, place({0, 0, 1, 1, 0}));
  EXPECT_EQ(result.devices[0].in, Duration(20000));
  EXPECT_EQ(result.devices[0].compute, Duration(19));
  EXPECT_EQ(result.devices[0].out, Duration(1100));
  EXPECT_EQ(result.devices[0].load, Duration(21100));
  EXPECT_EQ(result.devices[0].forward, Duration(0));
  EXPECT_EQ(result.devices[0].backward, Duration(0));
  EXPECT_EQ(result.objective, Duration(21100));
}

TEST(Evaluate, TakesThePhasesApartInGpipe) {
  const auto problem = chain(Schedule::gpipe, Transfers::serial, true);
  // The tensor from c to C belongs to the forward phase of both devices.
  const Evaluation result = evaluate(problem, place({0, 0, 0, 1, 1}));
  EXPECT_EQ(result.devices[0].forward, Duration(7 + 7));
  EXPECT_EQ(result.devices[0].backward, Duration(0));
  EXPECT_EQ(result.devices[1].forward, Duration(7));
  EXPECT_EQ(result.devices[1].backward, Duration(24));
  EXPECT_EQ(result.devices[1].load, Duration(31));
  EXPECT_EQ(result.objective, Duration(14 + 24));
}

TEST(Evaluate, SaysWhetherMemoryHolds) {
  const auto problem = chain(std::nullopt, Transfers::serial, true);
  const Evaluation full = evaluate(problem, place({1, 1, 0, 1, 0}));
  EXPECT_EQ(full.devices[0].memory, Bytes(20));
  EXPECT_TRUE(full.fits);
  EXPECT_FALSE(evaluate(problem, place({1, 0, 0, 1, 0})).fits);
  EXPECT_TRUE(evaluate(problem, place({2, 2, 2, 2, 2})).fits);
}

}  // namespace
}  // namespace cleave::cost
