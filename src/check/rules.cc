#include "check/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace cleave::check {

using base::DeviceId;
using base::Duration;
using base::GroupId;
using base::OperatorId;
using model::DeviceLoad;
using model::Graph;
using model::Placement;
using model::Problem;

namespace {

// Sentences for a person: a placement of a million operators may break a rule a million times.
constexpr std::size_t kMaxViolationsOfAKind = 20;

// Adds up to kMaxViolationsOfAKind sentences, and how many more there would have been.
class Sentences {
 public:
  explicit Sentences(Violations& out) : out_(out) {}
  Sentences(const Sentences&) = delete;
  Sentences& operator=(const Sentences&) = delete;
  ~Sentences() {
    if (count_ <= kMaxViolationsOfAKind) return;
    out_.push_back(fmt::format("and {} more like the one before", count_ - kMaxViolationsOfAKind));
  }
  template <class Text>
  void add(Text&& text) {
    if (++count_ <= kMaxViolationsOfAKind) out_.push_back(text());
  }

 private:
  Violations& out_;
  std::size_t count_ = 0;
};

}  // namespace

bool everywhere_placed(const Problem& problem, const Placement& placement, Violations& out) {
  const std::size_t n = problem.graph().num_operators();
  if (placement.size() != n) {
    out.push_back(
        fmt::format("the placement has {} devices for {} operators", placement.size(), n));
    return false;
  }
  Sentences sentences(out);
  bool placed = true;
  for (std::size_t v = 0; v < n; ++v) {
    const DeviceId device = placement[v];
    if (device.valid() && device.index() < problem.machine().num_devices()) continue;
    placed = false;
    sentences.add([&] {
      return fmt::format("operator '{}' has no device", problem.graph().id(OperatorId(v)));
    });
  }
  return placed;
}

void check_allowed(const Problem& problem, const Placement& placement, Violations& out) {
  Sentences sentences(out);
  for (std::size_t v = 0; v < placement.size(); ++v) {
    const OperatorId op(v);
    if (problem.allowed(op, placement[v])) continue;
    sentences.add([&] {
      const bool runs = problem.time(op, problem.machine().class_of(placement[v])).has_value();
      return fmt::format("operator '{}' is on {}, {}", problem.graph().id(op),
                         problem.machine().device_name(placement[v]),
                         runs ? "which a pin or forbid excludes" : "which does not support it");
    });
  }
}

void check_colocation(const Problem& problem, const Placement& placement, Violations& out) {
  const Graph& graph = problem.graph();
  Sentences sentences(out);
  for (std::size_t g = 0; g < graph.num_groups(); ++g) {
    const auto members = graph.members(GroupId(g));
    const DeviceId device = placement[members.front().index()];
    const auto apart = std::find_if(members.begin(), members.end(),
                                    [&](OperatorId op) { return placement[op.index()] != device; });
    if (apart == members.end()) continue;
    sentences.add([&] {
      return fmt::format("operators '{}' and '{}' of colocation group '{}' are on {} and {}",
                         graph.id(members.front()), graph.id(*apart), graph.group_label(GroupId(g)),
                         problem.machine().device_name(device),
                         problem.machine().device_name(placement[apart->index()]));
    });
  }
}

void check_memory(const Problem& problem, const std::vector<DeviceLoad>& devices, Violations& out) {
  Sentences sentences(out);
  for (std::size_t d = 0; d < devices.size(); ++d) {
    const auto limit = problem.memory(problem.machine().class_of(DeviceId(d)));
    if (!limit || devices[d].memory <= *limit) continue;
    sentences.add([&] {
      return fmt::format("{} holds {} bytes and has {}: {} bytes short",
                         problem.machine().device_name(DeviceId(d)), devices[d].memory.count(),
                         limit->count(), (devices[d].memory - *limit).count());
    });
  }
}

void BrokenRules::close(Rule rule) {
  if (verdict_.violations.size() > known_) verdict_.broken.push_back(rule);
  known_ = verdict_.violations.size();
}

Share operator+(const Share& a, const Share& b) {
  return {a.in + b.in, a.compute + b.compute, a.out + b.out};
}

Duration combine(model::Transfers transfers, const Share& share) {
  if (transfers == model::Transfers::half_duplex) {
    return std::max(share.in + share.out, share.compute);
  }
  if (transfers == model::Transfers::full_duplex) {
    return std::max({share.in, share.compute, share.out});
  }
  return share.in + share.compute + share.out;
}

}  // namespace cleave::check
