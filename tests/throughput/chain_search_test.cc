// The exact search alone, without the splits and bounds that PhaseSearch puts around it.
#include "throughput/chain_search.h"

#include <gtest/gtest.h>

#include <functional>

#include "oracle/chains.h"
#include "oracle/trials.h"
#include "support/draft.h"

namespace cleave::throughput {
namespace {

using oracle::Chains;
using oracle::Trial;

using Fault = std::optional<std::string>;

const base::Deadline& no_deadline() {
  static const base::Limits limits;
  static const base::Deadline deadline(limits);
  return deadline;
}

struct Searched {
  explicit Searched(const Trial& trial)
      : graph(trial.graph),
        levels(graph),
        reach(graph),
        frame(graph, levels, &reach),
        store(graph),
        search(graph, levels, frame, store, no_deadline()) {}

  const Contracted& graph;
  Levels levels;
  Reachability reach;
  Frame frame;
  IdealStore store;
  ChainSearch search;
};

// Runs the search and compares with the least value that enumeration finds within the caps.
Fault run(Searched& searched, const ChainSearch::Options& options, std::optional<Amount> best) {
  Amount last = Contracted::kUnlimited + 1;
  const char* fault = nullptr;
  const auto outcome = searched.search.run(options, [&](const Found& found) {
    if (found.value >= last) fault = "an improvement that is none";
    last = found.value;
  });
  if (fault != nullptr) return fault;
  if (!outcome.exhausted || outcome.stop != base::StopReason::finished) return "not exhausted";
  if (!best) return outcome.best ? Fault("found what does not exist") : std::nullopt;
  if (!outcome.best) return "found nothing";
  if (outcome.best->value != last) return "the best was not reported";
  if (outcome.best->value != *best) {
    return "found " + std::to_string(outcome.best->value) + ", not " + std::to_string(*best);
  }
  fault = oracle::fault_of(searched.graph, outcome.best->chain, options.caps,
                           options.objective_phase, *best);
  return fault != nullptr ? Fault(fault) : std::nullopt;
}

// With caps far above, at and just below the optimum; with and without the bound known.
Fault run_around_optimum(Searched& searched, ChainSearch::Options options, const Chains& chains) {
  const auto best = chains.solve(options.caps, options.objective_phase).best;
  Amount& cap = options.caps.by_phase[options.objective_phase];
  if (auto fault = run(searched, options, best)) return "loose cap: " + *fault;
  if (!best) return std::nullopt;
  options.lower_bound = *best;
  if (auto fault = run(searched, options, best)) return "loose cap, bound known: " + *fault;
  cap = *best;
  if (auto fault = run(searched, options, best)) return "tight cap, bound known: " + *fault;
  options.lower_bound = 0;
  if (auto fault = run(searched, options, best)) return "tight cap: " + *fault;
  if (*best == 0) return std::nullopt;
  cap = *best - 1;
  if (auto fault = run(searched, options, std::nullopt)) return "cap too small: " + *fault;
  return std::nullopt;
}

TEST(ChainSearch, FindsTheOptimumAndProvesIt) {
  oracle::expect_no_fault({.count = 20000, .max_operators = 9}, [](const Trial& trial) -> Fault {
    Searched searched(trial);
    const Chains chains(trial.graph, searched.levels, oracle::all_ideals(trial.graph));
    for (std::size_t phase = 0; phase < trial.graph.phases; ++phase) {
      ChainSearch::Options options;
      options.objective_phase = phase;
      if (auto fault = run_around_optimum(searched, options, chains)) return fault;
    }
    if (trial.graph.phases == 1) return std::nullopt;
    // A cap on the other phase: between the least it can be and what is best for this one.
    for (std::size_t phase = 0; phase < 2; ++phase) {
      const auto least = chains.solve(Caps{}, 1 - phase).best;
      if (!least) continue;
      ChainSearch::Options options;
      options.objective_phase = phase;
      options.caps.by_phase[1 - phase] = trial.random.between(*least, *least + *least / 2);
      if (auto fault = run_around_optimum(searched, options, chains)) return "traded: " + *fault;
    }
    return std::nullopt;
  });
}

// Four stages' worth of nodes a → v → p → q, and a gradient from p back to v. To take v to the
// stage of a would save moving a → v out, and in return p would have to move the gradient out: for
// in and out together nothing changes, but full-duplex compares them, and p already moves much out.
TEST(ChainSearch, WeighsInAndOutApart) {
  support::Draft draft;
  draft.time_columns = {"acc"};
  const auto add = [&](const std::string& id, const std::string& group, model::Phase phase,
                       std::int64_t memory) {
    draft.operators.push_back(
        {id, "", phase, base::Bytes(memory), {base::Duration(1)}, std::optional(group)});
    return base::OperatorId(draft.operators.size() - 1);
  };
  const auto tensor = [&](base::OperatorId from, base::OperatorId to, std::int64_t transfer) {
    draft.tensors.push_back({from, {to}, std::nullopt, base::Duration(transfer)});
  };
  using model::Phase;
  const auto a = add("a", "A", Phase::forward, 1);
  const auto v = add("v", "V", Phase::forward, 1);
  const auto p = add("p", "P", Phase::forward, 1);
  const auto q = add("q", "Q", Phase::forward, 2);
  const auto p_back = add("p_back", "P", Phase::backward, 0);
  const auto v_back = add("v_back", "V", Phase::backward, 0);
  tensor(a, v, 5);
  tensor(v, p, 0);
  tensor(p, q, 100);
  tensor(p_back, v_back, 5);
  model::DeviceClass device;
  device.name = "acc";
  device.count = 3;
  device.memory = base::Bytes(2);
  draft.classes = {device};
  draft.question.transfers = model::Transfers::full_duplex;

  const auto problem = support::build(draft);
  ASSERT_TRUE(problem) << problem.error().to_string();
  const auto graph = reduce::contract(*problem);
  ASSERT_TRUE(graph) << graph.error().to_string();
  base::Random random(1);
  const Trial trial{*problem, *graph, random};
  Searched searched(trial);
  const Chains chains(*graph, searched.levels, oracle::all_ideals(*graph));
  ASSERT_EQ(chains.solve(Caps{}, 0).best, 100);  // a | v p | q; with a v | p | q it would be 105
  EXPECT_EQ(run_around_optimum(searched, {}, chains), std::nullopt);
}

// The kind that pays and has the most devices, as PhaseSearch takes it.
std::optional<std::size_t> reference_of(const Contracted& graph) {
  std::optional<std::size_t> reference;
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    if (graph.kind_weights[q] < 0) continue;
    if (!reference || graph.kind_count[q] > graph.kind_count[*reference]) reference = q;
  }
  return reference;
}

bounds::Profile::Machine machine_of(const Searched& searched, std::size_t reference) {
  bounds::Profile::Machine machine;
  machine.references = searched.graph.kind_count[reference];
  for (std::size_t level = 0; level < searched.levels.size(); ++level) {
    if (searched.levels.used(level, reference) > 0) continue;
    std::size_t count = 0;
    for (std::size_t q = 0; q < searched.graph.num_kinds; ++q) {
      count += searched.levels.used(level, q);
    }
    if (count >= machine.others.size()) machine.others.resize(count + 1, 0);
    machine.others[count] =
        std::max(machine.others[count], searched.frame.capacity(level, reference, 0));
  }
  return machine;
}

TEST(ChainSearch, LosesNothingToACompletionTable) {
  std::uint64_t refuted = 0;
  std::uint64_t tables = 0;
  const auto property = [&](const Trial& trial) -> Fault {
    const auto reference = reference_of(trial.graph);
    if (!reference) return std::nullopt;
    Searched searched(trial);
    const Chains chains(trial.graph, searched.levels, oracle::all_ideals(trial.graph));
    const auto table = chains.solve(Caps{}, 0);
    if (!table.best) return std::nullopt;
    bounds::BoundaryCuts cuts(trial.graph, searched.reach, *reference);
    std::vector<Amount> spreads = {trial.random.between(0, cuts.total_work())};
    spreads.push_back(trial.random.between(0, spreads[0]));
    bounds::Profile profile(cuts, 1 + trial.random.below(12), spreads);
    profile.compute(no_deadline(), nullptr);

    ChainSearch::Options options;
    options.reference = *reference;
    for (const Amount extra : {Amount{0}, *table.best / 3}) {
      Amount& cap = options.caps.by_phase[0];
      cap = *table.best + extra;
      searched.frame.set_caps(options.caps);
      const bounds::Completion completion(profile, cap, machine_of(searched, *reference));
      if (completion.refuted()) return "refuted";
      options.completion = &completion;
      if (auto fault = run(searched, options, table.best)) return fault;

      // And directly: no boundary of a chain within the cap is ruled out.
      const auto viable = chains.solve(options.caps, 0);
      for (std::size_t i = 0; i + 1 < chains.ideals().size(); ++i) {
        const Word word = chains.ideals()[i];
        const Amount work = searched.store.time(searched.store.intern(&word), *reference, 0);
        for (std::size_t level = 0; level < searched.levels.size(); ++level) {
          if (viable.after[i * searched.levels.size() + level] == Chains::kNone) continue;
          std::size_t others = 0;
          for (std::size_t q = 0; q < trial.graph.num_kinds; ++q) {
            if (q != *reference) others += searched.levels.left(level, q);
          }
          if (i > 0 &&
              !completion.possible(searched.levels.left(level, *reference), others, work)) {
            return "ruled out a boundary";
          }
        }
      }
    }
    ++tables;
    options.caps.by_phase[0] = *table.best / 2;
    searched.frame.set_caps(options.caps);
    refuted +=
        bounds::Completion(profile, *table.best / 2, machine_of(searched, *reference)).refuted();
    return std::nullopt;
  };
  oracle::expect_no_fault({.count = 6000, .serial = true}, property);
  EXPECT_GT(refuted * 4, tables) << "half the optimum is hardly ever refuted";
}

TEST(ChainSearch, StopsAtItsEffortWithWhatItHas) {
  std::uint64_t stopped = 0;
  oracle::expect_no_fault({.count = 500}, [&](const Trial& trial) -> Fault {
    Searched searched(trial);
    ChainSearch::Options options;
    options.max_effort = 1 + trial.random.below(40);
    const auto outcome = searched.search.run(options, [](const Found&) {});
    const Chains chains(trial.graph, searched.levels, oracle::all_ideals(trial.graph));
    const auto best = chains.solve(options.caps, 0).best;
    if (outcome.best) {
      if (!best || outcome.best->value < *best) return "better than the best";
      const char* const fault =
          oracle::fault_of(trial.graph, outcome.best->chain, options.caps, 0, outcome.best->value);
      if (fault != nullptr) return fault;
    }
    if (outcome.exhausted) {
      if (outcome.best.has_value() != best.has_value()) return "exhausted too early";
      return std::nullopt;
    }
    ++stopped;
    return outcome.stop == base::StopReason::states ? std::nullopt : Fault("stop");
  });
  EXPECT_GT(stopped, 0u);
}

}  // namespace
}  // namespace cleave::throughput
