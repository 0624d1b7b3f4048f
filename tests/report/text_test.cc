#include "cleave/report/text.h"

#include <gtest/gtest.h>

#include <memory>
#include <regex>
#include <string>
#include <utility>

namespace cleave::report {
namespace {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using base::OperatorId;

TEST(Text, TimesHaveFourDigitsAndAUnitThatSuits) {
  EXPECT_EQ(format_time(Duration(0)), "0 ps");
  EXPECT_EQ(format_time(Duration(999)), "999 ps");
  EXPECT_EQ(format_time(Duration(1'000)), "1.000 ns");
  EXPECT_EQ(format_time(Duration(17'789'906'250)), "17.79 ms");
  EXPECT_EQ(format_time(Duration(842'000'000)), "842.0 us");
  EXPECT_EQ(format_time(Duration(999'999'999)), "1.000 ms");
  EXPECT_EQ(format_time(Duration(9'999'960'000)), "10.00 ms");
  EXPECT_EQ(format_time(Duration(3'250'000'000'000)), "3.250 s");
  EXPECT_EQ(format_time(Duration(86'400'000'000'000'000)), "86400 s");
}

TEST(Text, BytesInPowersOf1024) {
  EXPECT_EQ(format_bytes(Bytes(0)), "0 B");
  EXPECT_EQ(format_bytes(Bytes(1023)), "1023 B");
  EXPECT_EQ(format_bytes(Bytes(1536)), "1.50 KiB");
  EXPECT_EQ(format_bytes(Bytes(std::int64_t{16} << 30)), "16.0 GiB");
  EXPECT_EQ(format_bytes(Bytes((1 << 20) - 1)), "1.00 MiB");
}

TEST(Text, PercentNeverHidesAGap) {
  EXPECT_EQ(format_percent(0), "0.00%");
  EXPECT_EQ(format_percent(1e-9), "<0.01%");
  EXPECT_EQ(format_percent(0.00746), "0.75%");
}

TEST(Text, BarStaysInItsWidth) {
  EXPECT_EQ(format_bar(0.5, 4), "##..");
  EXPECT_EQ(format_bar(7, 4), "####");
  EXPECT_EQ(format_bar(-1, 4), "....");
}

TEST(Text, TableAlignsItsColumns) {
  Table table({{"name", Table::Align::left}, {"n"}});
  table.add({"a", "100"});
  table.add({"longer", "7"});
  EXPECT_EQ(table.text(),
            "name      n\n"
            "a       100\n"
            "longer    7\n");
}

TEST(Text, BestFeasibleIgnoresRivalsThatBreakRules) {
  const std::vector<Rival> rivals{{"quick", "exceeds memory", Duration(1), false},
                                  {"none", "found none", std::nullopt, true},
                                  {"good", "", Duration(5), true},
                                  {"equal", "", Duration(5), true},
                                  {"slow", "", Duration(9), true}};
  ASSERT_NE(best_feasible(rivals), nullptr);
  EXPECT_EQ(best_feasible(rivals)->name, "good");
  EXPECT_EQ(best_feasible(std::span(rivals).first(2)), nullptr);
}

model::Plan answer(Duration objective, Duration bound, model::PlanStatus status) {
  model::Plan plan;
  plan.status = status;
  plan.placement = {DeviceId(1), DeviceId(1), DeviceId(0)};
  plan.objective = objective;
  plan.bound = {bound, "search"};
  return plan;
}

TEST(Text, AnswerSaysWhatIsProven) {
  model::Plan plan =
      answer(Duration(2'000'000'000), Duration(2'000'000'000), model::PlanStatus::optimal);
  EXPECT_EQ(describe_answer(plan), "2.000 ms per sample: proven optimal");
  plan = answer(Duration(2'000'000'000), Duration(1'900'000'000), model::PlanStatus::feasible);
  plan.limit = base::StopReason::time;
  EXPECT_EQ(describe_answer(plan),
            "2.000 ms per sample: within 5.00% of the best possible (lower bound 1.900 ms); "
            "stopped by the time limit");
  plan.limit = base::StopReason::cancelled;
  EXPECT_EQ(describe_answer(plan),
            "2.000 ms per sample: within 5.00% of the best possible (lower bound 1.900 ms); "
            "stopped by the user");
  plan.limit = base::StopReason::effort;
  EXPECT_EQ(describe_answer(plan),
            "2.000 ms per sample: within 5.00% of the best possible (lower bound 1.900 ms); "
            "ended after the usual effort, --time-limit or --states searches longer");
  plan.limit = base::StopReason::size;
  EXPECT_EQ(describe_answer(plan),
            "2.000 ms per sample: within 5.00% of the best possible (lower bound 1.900 ms); "
            "the model is too large to search any further");
  plan = {};
  plan.reason = "no device holds 'x'";
  EXPECT_EQ(describe_answer(plan), "no device holds 'x'");
}

TEST(Text, AdvantageOverARival) {
  const auto plan = answer(Duration(2000), Duration(2000), model::PlanStatus::optimal);
  EXPECT_EQ(describe_advantage(plan, {"one device", "", Duration(5000), true}),
            "2.50 times as fast as one device (5.000 ns)");
  EXPECT_EQ(describe_advantage(plan, {"one device", "", Duration(2000), true}),
            "splitting does not pay: no faster than one device (2.000 ns)");
  EXPECT_EQ(describe_advantage(plan, {"replicas", "", Duration(1000), true}),
            "splitting does not pay: slower than replicas (1.000 ns)");
  EXPECT_EQ(describe_advantage(plan, {"replicas", "all alike", Duration(1000), true}),
            "splitting does not pay: slower than replicas (1.000 ns, all alike)");
}

struct Planned {
  model::Problem problem;
  model::Plan plan;
};

// Two stages on three devices.
Planned three_devices(model::Question question = {}) {
  model::GraphBuilder builder({"gpu"});
  for (const char* id : {"a", "b", "c"}) {
    builder.add_operator({id, "", model::Phase::forward, Bytes(1 << 20), {Duration(1000)}, {}});
  }
  auto graph = std::make_shared<model::Graph>(std::move(builder).build().value());
  auto machine = model::Machine::create({{"gpu", 3, Bytes(16 << 20), false, {}, "gpu"}});
  auto problem = model::Problem::create(graph, machine.value(), std::move(question));
  EXPECT_TRUE(problem.ok());

  model::Plan plan = answer(Duration(2000), Duration(2000), model::PlanStatus::optimal);
  plan.stages = {{DeviceId(1), {OperatorId(0), OperatorId(1)}}, {DeviceId(0), {OperatorId(2)}}};
  plan.devices.resize(3);
  plan.devices[0].compute = plan.devices[0].load = Duration(1000);
  plan.devices[0].memory = Bytes(1 << 20);
  plan.devices[1].compute = plan.devices[1].load = Duration(2000);
  plan.devices[1].memory = Bytes(2 << 20);
  return {std::move(problem).value(), std::move(plan)};
}

std::string without_colours(const std::string& text) {
  return std::regex_replace(text, std::regex("\033\\[[0-9]*m"), "");
}

TEST(Text, LoadsInPipelineOrderIdleDevicesLast) {
  const auto [problem, plan] = three_devices();
  EXPECT_EQ(loads_table(problem, plan),
            "device      load                              in   compute   out    memory        of  "
            "stages  operators\n"
            "gpu1    2.000 ns  ########################  0 ps  2.000 ns  0 ps  2.00 MiB  16.0 MiB  "
            "     1          2\n"
            "gpu0    1.000 ns  ############............  0 ps  1.000 ns  0 ps  1.00 MiB  16.0 MiB  "
            "     1          1\n"
            "gpu2        0 ps  ........................  0 ps      0 ps  0 ps       0 B  16.0 MiB  "
            "     0          0\n");
}

TEST(Text, ComparisonShowsEveryRival) {
  const auto plan = answer(Duration(2000), Duration(2000), model::PlanStatus::optimal);
  const std::vector<Rival> rivals{{"one device", "", Duration(3000), true},
                                  {"replicas", "", Duration(20000), true},
                                  {"greedy", "accelerator0 holds too much", Duration(1900), false},
                                  {"expert", "found no placement", std::nullopt, false}};
  EXPECT_EQ(comparison_table(plan, rivals),
            "placement   time per sample                            slower by\n"
            "cleave             2.000 ns  ######..................             optimal\n"
            "one device         3.000 ns  #########...............    +50.00%\n"
            "replicas           20.00 ns  ########################        10x\n"
            "greedy             1.900 ns  ######..................     -5.00%  "
            "accelerator0 holds too much\n"
            "expert                    -                                       "
            "found no placement\n");
  const std::string coloured = comparison_table(plan, rivals, Colours::terminal);
  EXPECT_NE(coloured.find("\033["), std::string::npos);
  EXPECT_EQ(without_colours(coloured), comparison_table(plan, rivals));
}

TEST(Text, ColoursChangeNothingElse) {
  for (const auto transfers : {model::Transfers::serial, model::Transfers::full_duplex}) {
    model::Question question;
    question.transfers = transfers;
    const auto [problem, plan] = three_devices(question);
    const std::string coloured = loads_table(problem, plan, Colours::terminal);
    EXPECT_EQ(coloured.find("\033["), coloured.find('\033'));
    EXPECT_NE(coloured.find("\033[34m"), std::string::npos);
    EXPECT_EQ(without_colours(coloured), loads_table(problem, plan));
  }
}

TEST(Text, TablesCannotChangeTheTerminal) {
  Table table({{"name", Table::Align::left}});
  table.add({"a\033[2Jb\nc\x7f"});
  EXPECT_EQ(table.text(), "name\na?[2Jb?c?\n");
}

}  // namespace
}  // namespace cleave::report
