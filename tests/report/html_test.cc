#include "cleave/report/html.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace cleave::report {
namespace {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using Json = nlohmann::json;

// Two operators, on a device each; the first one has the given name.
model::Problem small_problem(const std::string& name) {
  model::GraphBuilder builder({"accelerator"});
  const auto a = builder.add_operator({"a", name, {}, Bytes(7), {Duration(10)}, {}});
  const auto b = builder.add_operator({"b", "", {}, Bytes(5), {Duration(20)}, {}});
  builder.add_tensor({a, {b}, Bytes(100), Duration(3)});
  auto graph = std::move(builder).build();
  EXPECT_TRUE(graph.ok());
  auto machine = model::Machine::create({{"accelerator", 2, Bytes(10), true, {}, "accelerator"}});
  EXPECT_TRUE(machine.ok());
  auto problem =
      model::Problem::create(std::make_shared<const model::Graph>(std::move(graph).value()),
                             std::move(machine).value(), {});
  EXPECT_TRUE(problem.ok());
  return std::move(problem).value();
}

model::Plan small_plan() {
  model::Plan plan;
  plan.status = model::PlanStatus::optimal;
  plan.placement = {DeviceId(0), DeviceId(1)};
  plan.objective = Duration(23);
  plan.bound = {Duration(23), "search"};
  plan.devices.resize(2);
  plan.devices[0].compute = Duration(10);
  plan.devices[0].out = Duration(3);
  plan.devices[0].load = Duration(13);
  plan.devices[1].in = Duration(3);
  plan.devices[1].compute = Duration(20);
  plan.devices[1].load = Duration(23);
  plan.stages = {{DeviceId(0), {OperatorId(0)}}, {DeviceId(1), {OperatorId(1)}}};
  plan.history = {{0, 0.5, {}, Duration(20)}, {4, 1.5, Duration(23), Duration(23)}};
  plan.effort = 4;
  return plan;
}

std::string page_of(const model::Problem& problem, const model::Plan& plan,
                    const std::string& file = "graph.json") {
  const io::Provenance provenance{file, "sha256:0", "0.1.0", {}, {}};
  return html({.problem = problem,
               .plan = plan,
               .timeline_note = "none was asked for",
               .provenance = provenance});
}

// The text between the tags of the page's data.
std::string_view data_text(std::string_view page) {
  constexpr std::string_view kOpening = R"(<script type="application/json" id="data">)";
  const std::size_t at = page.find(kOpening);
  EXPECT_NE(at, std::string_view::npos);
  const std::size_t from = at + kOpening.size();
  return page.substr(from, page.find("</script", from) - from);
}

TEST(Html, HoldsThePlanAsItIs) {
  const model::Problem problem = small_problem("");
  const Json data = Json::parse(data_text(page_of(problem, small_plan())));
  EXPECT_EQ(data["format"], "cleave.report/1");
  EXPECT_EQ(data["answer"]["sentence"], "23 ps per sample: proven optimal");
  EXPECT_EQ(data["answer"]["advantage"], nullptr);
  EXPECT_EQ(data["devices"][1]["load"], 23);
  EXPECT_EQ(data["devices"][1]["mark"], "bottleneck");
  EXPECT_EQ(data["devices"][1]["limited_by"], "87% computing, 13% moving data");
  EXPECT_EQ(data["devices"][0]["mark"], "");
  EXPECT_EQ(data["devices"][0]["memory_limit"], 10);
  EXPECT_EQ(data["stages"][1], Json::parse(R"({"device": 1, "operators": [1]})"));
  EXPECT_EQ(data["operators"]["ids"], Json::parse(R"(["a", "b"])"));
  EXPECT_EQ(data["operators"]["times"], Json::parse("[10, 20]"));
  EXPECT_EQ(data["tensors"], Json::parse(R"({"producers": [0], "bytes": [100], "counts": [1],
                                             "consumers": [1]})"));
  EXPECT_EQ(data["crossings"],
            Json::parse(R"({"tensors": [0], "targets": [1], "out": [3], "in": [3]})"));
  EXPECT_EQ(data["history"][0], Json::parse(R"({"effort": 0, "incumbent": null, "bound": 20})"));
  EXPECT_EQ(data["timeline"], nullptr);
}

TEST(Html, IsTheSameEachTime) {
  const model::Problem problem = small_problem("x");
  EXPECT_EQ(page_of(problem, small_plan()), page_of(problem, small_plan()));
}

TEST(Html, HasATimelineWhereThereIsOne) {
  const model::Problem problem = small_problem("");
  const model::Plan plan = small_plan();
  const auto timeline = simulate::simulate(problem, plan);
  ASSERT_TRUE(timeline.ok());
  const io::Provenance provenance{"graph.json", "sha256:0", "0.1.0", {}, {}};
  const std::string page =
      html({.problem = problem, .plan = plan, .timeline = &*timeline, .provenance = provenance});
  const Json data = Json::parse(data_text(page))["timeline"];
  EXPECT_EQ(data["schedule"], "inference");
  EXPECT_EQ(data["num_slices"], timeline->slices.size());
  EXPECT_EQ(data["makespan"], timeline->makespan.count());
  std::int64_t start = 0;
  for (std::size_t i = 0; i < timeline->slices.size(); ++i) {
    start += data["slices"]["starts"][i].get<std::int64_t>();
    EXPECT_EQ(start, timeline->slices[i].start.count());
    EXPECT_EQ(start + data["slices"]["lengths"][i].get<std::int64_t>(),
              timeline->slices[i].end.count());
  }
}

TEST(Html, SaysWhyThereIsNoPlacement) {
  model::Plan plan;
  plan.status = model::PlanStatus::infeasible;
  plan.reason = "operator 'a' is 7 bytes too large";
  const Json data = Json::parse(data_text(page_of(small_problem(""), plan)));
  EXPECT_EQ(data["answer"]["sentence"], "operator 'a' is 7 bytes too large");
  EXPECT_EQ(data["answer"]["bound"], nullptr);
  EXPECT_FALSE(data.contains("operators"));
}

class HostileName : public testing::TestWithParam<std::string> {};

TEST_P(HostileName, StaysInsideTheData) {
  const std::string& name = GetParam();
  const std::string plain = page_of(small_problem("x"), small_plan());
  const std::string page = page_of(small_problem(name), small_plan(), name);
  const std::string_view data = data_text(page);
  EXPECT_EQ(data.find_first_of("<>&"), std::string_view::npos);
  for (const char c : data) EXPECT_TRUE(c >= ' ' && c <= '~') << static_cast<int>(c);
  // Around the data, the page is the page.
  const std::string_view plain_data = data_text(plain);
  const auto before = static_cast<std::size_t>(plain_data.data() - plain.data());
  EXPECT_EQ(page.substr(0, before), plain.substr(0, before));
  EXPECT_EQ(page.substr(before + data.size()), plain.substr(before + plain_data.size()));
  const Json read = Json::parse(data);
  EXPECT_EQ(read["operators"]["ids"][1], "b");
  const bool is_text = name != "\xff\xfe";
  EXPECT_EQ(read["operators"]["names"][0], is_text ? name : "\ufffd\ufffd");
}

INSTANTIATE_TEST_SUITE_P(Names, HostileName,
                         testing::Values("</script><script>alert(1)</script>", "<!--<script>",
                                         "\"],[\"", "\\", "a\nb\tc", std::string("a\0b", 3),
                                         "@CLEAVE_DATA@", "\u202e\u2028\u2029", "\xff\xfe",
                                         "&lt;b&gt;", std::string(10'000, '<')));

}  // namespace
}  // namespace cleave::report
