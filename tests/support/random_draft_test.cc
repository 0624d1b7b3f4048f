#include "support/random_draft.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace cleave::support {
namespace {

TEST(RandomDraft, IsReproducible) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    EXPECT_EQ(to_json(random_draft(seed)), to_json(random_draft(seed)));
  }
  EXPECT_NE(to_json(random_draft(1)), to_json(random_draft(2)));
}

// Which features a problem has, by name.
std::vector<std::string> features(const model::Problem& problem) {
  std::vector<std::string> result;
  const auto note = [&](bool present, std::string name) {
    if (present) result.push_back(std::move(name));
  };
  const model::Graph& graph = problem.graph();
  const model::Machine& machine = problem.machine();
  note(true, "schedule " + std::string(to_string(problem.schedule())));
  note(true, "transfers " + std::string(to_string(problem.transfers())));
  note(true, "placement " + std::string(to_string(problem.question().placement)));
  note(problem.num_kinds() > machine.num_classes(), "kinds finer than classes");
  note(machine.num_classes() > 1, "several classes");
  note(machine.num_devices() > 1, "several devices");
  note(!problem.question().pins.empty(), "pin");
  note(!problem.question().forbids.empty(), "forbid");
  for (const model::DeviceClass& c : machine.classes()) {
    note(c.memory.has_value(), "memory limit");
    note(c.pays_transfers && c.link, "link");
    note(!c.pays_transfers, "free transfers");
  }
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const base::OperatorId op(v);
    const bool backward = graph.phase(op) == model::Phase::backward;
    const bool grouped = graph.group(op).has_value();
    note(backward && !grouped, "backward operator without a group");
    note(graph.outputs(op).size() > 1, "several tensors of a producer");
    for (std::size_t k = 0; k < problem.num_kinds(); ++k) {
      note(!problem.allowed(op, base::KindId(k)), "operator not allowed everywhere");
    }
    if (!grouped) continue;
    bool forward_member = false;
    for (const base::OperatorId member : graph.members(*graph.group(op))) {
      forward_member = forward_member || graph.phase(member) == model::Phase::forward;
    }
    note(backward && forward_member, "backward operator with a forward one");
    note(backward && !forward_member, "backward group");
    note(!backward && graph.members(*graph.group(op)).size() > 1, "group");
  }
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const base::TensorId tensor(x);
    const model::Phase from = graph.phase(graph.producer(tensor));
    note(graph.consumers(tensor).empty(), "tensor without consumers");
    note(graph.consumers(tensor).size() > 1, "several consumers");
    for (const base::OperatorId consumer : graph.consumers(tensor)) {
      note(from == model::Phase::forward && graph.phase(consumer) == model::Phase::backward,
           "tensor from forward to backward");
      note(from == model::Phase::backward && graph.phase(consumer) == model::Phase::forward,
           "tensor from backward to forward");
    }
  }
  return result;
}

TEST(RandomDraft, HasEveryFeatureOften) {
  std::map<std::string, int> problems_with;
  constexpr int kInstances = 2000;
  for (std::uint64_t seed = 0; seed < kInstances; ++seed) {
    const auto problem = build(random_draft(seed));
    ASSERT_TRUE(problem.ok());
    const auto found = features(*problem);
    for (const std::string& name : std::set<std::string>(found.begin(), found.end())) {
      ++problems_with[name];
    }
  }
  for (const char* name : {"schedule inference",
                           "schedule 1f1b",
                           "schedule gpipe",
                           "transfers serial",
                           "transfers half-duplex",
                           "transfers full-duplex",
                           "placement contiguous",
                           "placement any",
                           "kinds finer than classes",
                           "several classes",
                           "several devices",
                           "pin",
                           "forbid",
                           "memory limit",
                           "link",
                           "free transfers",
                           "backward operator without a group",
                           "several tensors of a producer",
                           "operator not allowed everywhere",
                           "backward operator with a forward one",
                           "backward group",
                           "group",
                           "tensor without consumers",
                           "several consumers",
                           "tensor from forward to backward",
                           "tensor from backward to forward"}) {
    EXPECT_GE(problems_with[name], kInstances / 20) << name;
  }
}

}  // namespace
}  // namespace cleave::support
