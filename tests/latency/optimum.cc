#include "latency/optimum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "cleave/base/random.h"
#include "cleave/cost/latency.h"
#include "latency/exhaustive.h"
#include "support/draft.h"
#include "support/random_draft.h"

namespace cleave::latency {
namespace {

using base::Duration;
using base::OperatorId;
using cost::SlotId;

#ifdef NDEBUG
constexpr std::uint64_t kThinning = 1;
#else
constexpr std::uint64_t kThinning = 20;
#endif

// A problem is left out where trying everything would take long.
constexpr std::size_t kMaxAssignments = 20000;

class Enumeration {
 public:
  explicit Enumeration(const model::Problem& problem)
      : problem_(problem), clock_(problem), slot_of_(problem.graph().num_operators()) {}

  [[nodiscard]] bool small() const {
    std::size_t assignments = 1;
    for (std::size_t v = 0; v < slot_of_.size(); ++v) {
      assignments *= clock_.num_slots();
      if (assignments > kMaxAssignments) return false;
    }
    return true;
  }

  std::optional<Duration> run() {
    try_from(0);
    return best_;
  }

 private:
  void try_from(std::size_t v) {
    if (v == slot_of_.size()) return price();
    for (std::size_t s = 0; s < clock_.num_slots(); ++s) {
      slot_of_[v] = SlotId(s);
      if (problem_.allowed(OperatorId(v), clock_.device(SlotId(s)))) try_from(v + 1);
    }
  }

  void price() {
    if (!keeps_rules()) return;
    std::vector<std::uint32_t> ranks(slot_of_.size());
    std::iota(ranks.begin(), ranks.end(), 0U);
    do {
      const auto makespan = clock_.makespan(slot_of_, ranks);
      if (makespan && (!best_ || *makespan < *best_)) best_ = makespan;
    } while (problem_.question().workers && std::next_permutation(ranks.begin(), ranks.end()));
  }

  [[nodiscard]] bool keeps_rules() const {
    std::vector<std::int64_t> memory(problem_.machine().num_devices(), 0);
    for (std::size_t v = 0; v < slot_of_.size(); ++v) {
      const OperatorId op(v);
      const base::DeviceId device = clock_.device(slot_of_[v]);
      memory[device.index()] += problem_.graph().memory(op).count();
      const auto limit = problem_.memory(problem_.machine().class_of(device));
      if (limit && memory[device.index()] > limit->count()) return false;
      const auto group = problem_.graph().group(op);
      if (!group) continue;
      for (const OperatorId mate : problem_.graph().members(*group)) {
        if (clock_.device(slot_of_[mate.index()]) != device) return false;
      }
    }
    return true;
  }

  const model::Problem& problem_;
  cost::LatencyClock clock_;
  std::vector<SlotId> slot_of_;
  std::optional<Duration> best_;
};

std::optional<model::Problem> draw(std::uint64_t seed, support::Draft& draft) {
  base::Random random(seed ^ 0x5eed);
  draft = support::random_draft(seed, {.max_operators = 7, .max_devices = 4});
  model::Question& question = draft.question;
  question.objective = model::Objective::latency;
  question.schedule.reset();
  question.placement =
      random.chance(0.5) ? model::PlacementRule::contiguous : model::PlacementRule::slots;
  question.slots = static_cast<int>(random.between(1, 3));
  if (random.chance(0.2)) question.placement = model::PlacementRule::any;
  question.workers.reset();
  if (draft.operators.size() <= 5 && random.chance(0.2)) {
    question.workers = static_cast<int>(random.between(1, 2));
  }
  auto problem = support::build(draft);
  if (!problem) return std::nullopt;  // a rule names a device that a pool has swallowed
  return *std::move(problem);
}

// Draws operators one after the other, for two columns of times.
class Draughtsman {
 public:
  explicit Draughtsman(base::Random& random) : random_(random) {
    draft.time_columns = {"acc", "cpu"};
  }

  OperatorId add(const std::vector<OperatorId>& inputs, std::optional<std::string> group) {
    const OperatorId op(draft.operators.size());
    model::OperatorSpec spec;
    spec.id = "v" + std::to_string(op.value());
    spec.memory = base::Bytes(random_.between(0, 4));
    const std::int64_t time = random_.between(0, 4);
    spec.times = {Duration(time), Duration(random_.between(0, 3) * time + random_.between(0, 2))};
    if (random_.chance(0.05)) spec.times[random_.below(2)].reset();
    spec.group = std::move(group);
    draft.operators.push_back(std::move(spec));
    for (const OperatorId input : inputs) {
      const auto tensor = std::find_if(draft.tensors.begin(), draft.tensors.end(),
                                       [&](const auto& t) { return t.producer == input; });
      if (tensor != draft.tensors.end() && random_.chance(0.7)) {
        tensor->consumers.push_back(op);
      } else {
        draft.tensors.push_back({input, {op}, {}, Duration(random_.between(0, 6))});
      }
    }
    return op;
  }

  void finish(std::int64_t accelerators, std::int64_t memory, std::int64_t slots) {
    model::DeviceClass acc;
    acc.name = "acc";
    acc.count = static_cast<int>(accelerators);
    acc.memory = base::Bytes(memory);
    model::DeviceClass cpu;
    cpu.name = "cpu";
    cpu.pays_transfers = false;
    draft.classes = {acc, cpu};
    draft.question.objective = model::Objective::latency;
    draft.question.placement = model::PlacementRule::slots;
    draft.question.slots = static_cast<int>(slots);
  }

  support::Draft draft;

 private:
  base::Random& random_;
};

// One operator, some branches, another operator, and perhaps the same again.
support::Draft draw_branches(base::Random& random) {
  Draughtsman draughtsman(random);
  support::Draft& draft = draughtsman.draft;
  const auto add = [&](const std::vector<OperatorId>& inputs) {
    std::optional<std::string> group;
    if (random.chance(0.4)) group = "g" + std::to_string(random.below(4));
    return draughtsman.add(inputs, std::move(group));
  };
  std::vector<OperatorId> ends{add({})};
  while (draft.operators.size() < 5) {
    std::vector<OperatorId> next;
    const std::uint64_t branches = random.below(3) + 1;
    for (std::uint64_t b = 0; b < branches; ++b) {
      OperatorId last = add(ends);
      if (random.chance(0.6)) last = add({last});
      next.push_back(last);
    }
    if (random.chance(0.2)) next.push_back(ends.front());
    ends = {add(next)};
  }
  draughtsman.finish(random.between(1, 3), random.between(4, 16), random.between(1, 3));
  return draft;
}

// Two calls an accelerator and two branches, rows of operators of which neighbours are often
// colocated and then send each other little: so calls leave colocated operators to further calls,
// and memory decides how much these can hold.
support::Draft draw_mates(base::Random& random) {
  Draughtsman draughtsman(random);
  support::Draft& draft = draughtsman.draft;
  int group = 0;
  const auto add_row = [&](OperatorId last, std::int64_t length) {
    for (std::int64_t i = 0; i < length; ++i) {
      if (random.chance(0.5)) ++group;
      last = draughtsman.add({last}, "g" + std::to_string(group));
    }
    ++group;
    return last;
  };
  const OperatorId start = add_row(draughtsman.add({}, {}), random.between(0, 1));
  const OperatorId left = add_row(start, random.between(2, 5));
  const OperatorId right = add_row(start, random.between(0, 2));
  add_row(draughtsman.add({left, right}, {}), random.between(0, 1));
  draughtsman.finish(random.between(2, 3), random.between(5, 11), 2);
  const bool slow_pool = random.chance(0.7);
  for (auto& op : draft.operators) {
    if (slow_pool && op.times[0]) op.times[1] = Duration(40);
  }
  for (auto& tensor : draft.tensors) {
    const auto& from = draft.operators[tensor.producer.index()].group;
    const auto& to = draft.operators[tensor.consumers[0].index()].group;
    if (from && from == to) tensor.transfer = Duration(0);
  }
  return std::move(draft);
}

void expect_no_fault_in(std::uint64_t count, support::Draft (*draw)(base::Random&),
                        const FindFault& find_fault) {
  const base::Limits limits;
  const base::Deadline deadline(limits);
  std::uint64_t tried = 0;
  for (std::uint64_t seed = 1; seed <= count / kThinning; ++seed) {
    base::Random random(seed);
    const support::Draft draft = draw(random);
    const auto problem = support::build(draft);
    if (!problem) continue;  // nobody can run an operator
    const Exhaustion found = exhaust(*problem, base::kMaxDuration, Duration(0), 300'000, deadline);
    if (!found.complete) continue;
    ++tried;
    const auto fault =
        find_fault(*problem, found.best ? std::optional(found.makespan) : std::nullopt);
    ASSERT_FALSE(fault) << *fault << " (seed " << seed << ")\n" << support::to_json(draft);
  }
  EXPECT_GT(tried, count / kThinning / 4);
}

}  // namespace

void expect_no_fault(std::uint64_t count, const FindFault& find_fault) {
  std::uint64_t tried = 0;
  for (std::uint64_t seed = 1; seed <= count / kThinning; ++seed) {
    support::Draft draft;
    const auto problem = draw(seed, draft);
    if (!problem || !Enumeration(*problem).small()) continue;
    ++tried;
    const auto fault = find_fault(*problem, Enumeration(*problem).run());
    ASSERT_FALSE(fault) << *fault << " (seed " << seed << ")\n" << support::to_json(draft);
  }
  EXPECT_GT(tried, count / kThinning / 4);
}

void expect_no_fault_with_branches(std::uint64_t count, const FindFault& find_fault) {
  expect_no_fault_in(count, draw_branches, find_fault);
}

void expect_no_fault_with_mates(std::uint64_t count, const FindFault& find_fault) {
  expect_no_fault_in(count, draw_mates, find_fault);
}

}  // namespace cleave::latency
