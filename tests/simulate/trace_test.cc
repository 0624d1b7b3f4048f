#include "cleave/simulate/trace.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "simulate/pipelines.h"

namespace cleave::simulate {
namespace {

using base::Duration;
using model::Transfers;
using nlohmann::json;

TEST(Trace, HasWhatPerfettoShows) {
  const Planned planned = make_pipeline(
      {{1'500'000, 2'000'001}, {3'000'000, 4'000'000}, 250'000, Transfers::full_duplex});
  const auto timeline = simulate(planned.problem, planned.plan, {.micro_batches = 12});
  ASSERT_TRUE(timeline.ok());
  const std::string text = to_chrome_trace(planned.problem, *timeline);
  const json trace = json::parse(text);

  std::map<int, std::string> processes;
  std::map<std::pair<int, int>, std::string> threads;
  std::map<std::pair<int, int>, double> ended;  // threads
  std::map<int, int> last_count;
  std::size_t slices = 0;
  for (const json& event : trace.at("traceEvents")) {
    const std::string kind = event.at("ph");
    const int process = event.at("pid");
    if (kind == "M" && event.at("name") == "process_name") {
      processes[process] = event.at("args").at("name");
    } else if (kind == "M" && event.at("name") == "thread_name") {
      threads[{process, event.at("tid")}] = event.at("args").at("name");
    } else if (kind == "C") {
      last_count[process] = event.at("args").at("micro-batches");
    } else if (kind == "X") {
      const std::pair thread(process, event.at("tid").get<int>());
      EXPECT_EQ(threads.at(thread), event.at("cat"));
      const double start = event.at("ts");
      EXPECT_GE(start, ended[thread] - 1e-7);  // slices of a thread do not overlap
      ended[thread] = start + event.at("dur").get<double>();
      ++slices;
    }
  }
  EXPECT_EQ(processes, (std::map<int, std::string>{{1, "acc0"}, {2, "acc1"}}));
  EXPECT_EQ(threads.at({1, 1}), "in");
  EXPECT_EQ(threads.at({2, 2}), "compute");
  EXPECT_EQ(threads.at({2, 3}), "out");
  EXPECT_EQ(slices, timeline->slices.size());
  EXPECT_EQ(last_count, (std::map<int, int>{{1, 0}, {2, 0}}));

  const Slice& first = timeline->slices.front();
  EXPECT_EQ(first.end - first.start, Duration(1'500'000));
  EXPECT_NE(
      text.find(R"("name": "forward 1", "cat": "compute", "pid": 1, "tid": 2, "ts": 0.000000, )"
                R"("dur": 1.500000, "args": {"micro_batch": 1, "stage": 0, "weights": 0})"),
      std::string::npos);
  EXPECT_NE(text.find(R"("dur": 2.000001)"), std::string::npos);
}

TEST(Trace, EscapesNames) {
  support::Draft draft;
  draft.time_columns = {"acc"};
  draft.classes = {devices("a\"\n\xff", 1, true)};
  draft.operators = {{"x", "", model::Phase::forward, base::Bytes(0), {Duration(1)}, {}}};
  const Planned planned = place(draft, {0});
  const auto timeline = simulate(planned.problem, planned.plan);
  ASSERT_TRUE(timeline.ok());
  EXPECT_EQ(json::parse(to_chrome_trace(planned.problem, *timeline))
                .at("traceEvents")
                .at(0)
                .at("args")
                .at("name"),
            "a\"\n\xef\xbf\xbd"
            "0");
}

}  // namespace
}  // namespace cleave::simulate
