#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "check/drafts.h"
#include "cleave/simulate/simulate.h"
#include "cleave/simulate/trace.h"

namespace cleave::simulate {
namespace {

using base::DeviceId;
using base::Duration;
using model::Plan;
using model::Problem;
using model::Stage;

Problem ask(support::Draft draft, std::optional<int> workers = {}) {
  draft.question.objective = model::Objective::latency;
  draft.question.placement = model::PlacementRule::any;
  draft.question.workers = workers;
  return support::build(draft).value();
}

Plan plan_of(std::vector<Stage> stages, std::size_t operators) {
  Plan plan;
  plan.status = model::PlanStatus::feasible;
  plan.stages = std::move(stages);
  plan.placement.resize(operators);
  for (const Stage& stage : plan.stages) {
    for (const auto op : stage.operators) plan.placement[op.index()] = stage.device;
  }
  return plan;
}

Stage stage(int device, const std::vector<int>& operators) {
  Stage result;
  result.device = DeviceId(device);
  for (const int op : operators) result.operators.emplace_back(op);
  return result;
}

// start, end, device, activity
using Row = std::tuple<int, int, int, Activity>;
std::vector<Row> rows(const Timeline& timeline) {
  std::vector<Row> rows;
  for (const Slice& slice : timeline.slices) {
    rows.emplace_back(slice.start.count(), slice.end.count(), slice.device.value(), slice.activity);
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

TEST(OneSample, RunsCallsAsTheirInputsComeAndThePoolBeside) {
  const Problem problem = ask(check::diamond());
  const Plan plan = plan_of({stage(0, {0}), stage(0, {1}), stage(1, {2}), stage(2, {3})}, 4);
  const auto timeline = simulate(problem, plan);
  ASSERT_TRUE(timeline.ok()) << timeline.error().message;
  EXPECT_EQ(rows(*timeline), (std::vector<Row>{{0, 10, 0, Activity::compute},
                                               {10, 40, 0, Activity::out},
                                               {40, 70, 0, Activity::in},
                                               {40, 70, 1, Activity::in},
                                               {70, 90, 0, Activity::compute},
                                               {70, 100, 1, Activity::compute},
                                               {90, 92, 0, Activity::out},
                                               {100, 105, 1, Activity::out},
                                               {105, 138, 2, Activity::compute}}));
  EXPECT_EQ(timeline->makespan, Duration(138));
  EXPECT_EQ(timeline->devices[0].busy, Duration(92));
  EXPECT_EQ(timeline->devices[2].in_flight, 1);
}

TEST(OneSample, GivesWorkersTheOperatorsOfThePoolInTurn) {
  support::Draft draft;
  draft.time_columns = {"accelerator", "cpu"};
  draft.operators = {check::op("a", 0, 9, 4), check::op("b", 0, 9, 3), check::op("c", 0, 9, 2),
                     check::op("d", 0, 9, 1)};
  draft.classes = check::two_accelerators_and_a_cpu();
  const Plan plan = plan_of({stage(2, {0, 1, 2, 3})}, 4);
  EXPECT_EQ(simulate(ask(draft), plan)->makespan, Duration(4));
  EXPECT_EQ(simulate(ask(draft, 1), plan)->makespan, Duration(10));
  EXPECT_EQ(simulate(ask(draft, 2), plan)->makespan, Duration(5));
  EXPECT_NE(to_chrome_trace(ask(draft), *simulate(ask(draft), plan)).find("\"tid\": 103"),
            std::string::npos)
      << "four operators at once have a lane each";
}

TEST(OneSample, RefusesWhatIsForStreamsAndWhatCannotRun) {
  const Problem problem = ask(check::diamond());
  const auto refusal = [&](const Plan& plan, const Options& options) {
    const auto timeline = simulate(problem, plan, options);
    EXPECT_FALSE(timeline.ok());
    return timeline.ok() ? std::string() : timeline.error().message;
  };
  const Plan plan = plan_of({stage(0, {0, 1, 2, 3})}, 4);
  Options options;
  options.micro_batches = 3;
  EXPECT_NE(refusal(plan, options).find("one sample alone"), std::string::npos);
  const Plan circle = plan_of({stage(0, {0, 3}), stage(1, {1, 2})}, 4);
  EXPECT_NE(refusal(circle, {}).find("wait for one another"), std::string::npos);
  EXPECT_NE(refusal(plan_of({stage(0, {0, 1})}, 4), {}).find("not of this problem"),
            std::string::npos);
  EXPECT_NE(refusal(Plan{}, {}).find("no placement"), std::string::npos);
}

}  // namespace
}  // namespace cleave::simulate
