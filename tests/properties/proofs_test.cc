// Proofs of random problems: every one that is written is accepted, and whatever is done to it, no
// bound above the optimum ever is.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "cleave/base/random.h"
#include "cleave/bounds/cover.h"
#include "cleave/check/proof.h"
#include "cleave/reduce/contract.h"
#include "cleave/throughput/any.h"
#include "properties/settings.h"
#include "properties/solvers.h"
#include "properties/trials.h"
#include "support/brute_force.h"

namespace cleave::properties {
namespace {

using base::Duration;
using base::Random;
using check::ProofVerdict;
using model::Problem;
using model::Proof;
using model::ProofStep;
using Outcome = ProofVerdict::Outcome;
using Fault = std::optional<std::string>;

// Enough for weights; trying every placement may take more, and is then left unchecked.
constexpr std::uint64_t kEffort = std::uint64_t{1} << 20;
const base::Deadline kNoDeadline{base::Limits{}};

bool proves(const Problem& problem, const Proof& proof) {
  return check::check_proof(problem, proof, kEffort).outcome == Outcome::proved;
}

// What the tests met, so that they cannot pass without having tried anything.
struct Tally {
  int proofs = 0, unchecked = 0, steps = 0, fusings = 0;
  int accepted_mutants = 0, refuted_mutants = 0;
};

// With groups for the nodes of the contracted graph.
Proof number_by_groups(const reduce::Contracted& graph, Duration bound,
                       std::vector<ProofStep> steps) {
  std::vector<std::pair<base::OperatorId, std::uint32_t>> firsts;
  for (std::uint32_t v = 0; v < graph.num_nodes; ++v) {
    firsts.emplace_back(*std::min_element(graph.members[v].begin(), graph.members[v].end()), v);
  }
  std::sort(firsts.begin(), firsts.end());
  std::vector<std::uint32_t> group_of(graph.num_nodes);
  for (std::uint32_t g = 0; g < firsts.size(); ++g) group_of[firsts[g].second] = g;
  for (ProofStep& step : steps) {
    std::vector<std::int64_t> weights;
    for (const auto& [op, node] : firsts) weights.push_back(step.weights[node]);
    step.weights = std::move(weights);
    for (std::uint32_t& v : step.order) v = group_of[v];
    for (auto& set : step.together) {
      for (std::uint32_t& v : set) v = group_of[v];
    }
  }
  return {bound, "cover", std::move(steps)};
}

// Proofs by weights, of the thresholds that these refute.
std::vector<Proof> proofs_by_cover(const Problem& problem, Duration optimum) {
  std::vector<Proof> proofs;
  const auto graph = reduce::contract_groups(problem, false);
  if (!graph) return proofs;
  bounds::Cover cover(*graph);
  const auto keep = [&](std::int64_t bound) {
    proofs.push_back(number_by_groups(*graph, Duration(bound), cover.proof()));
  };
  if (const std::int64_t bound = cover.work(); bound > 0) keep(bound);
  std::uint64_t effort = 0;
  for (const std::int64_t threshold : {optimum.count() * 3 / 4, optimum.count() - 1}) {
    if (threshold < 0) continue;
    constexpr std::uint64_t kCoverEffort = 20000;
    if (cover.refute_by_share(threshold, effort, kNoDeadline) == bounds::Cover::Outcome::refuted) {
      keep(threshold + 1);
    }
    if (cover.refute(threshold, effort, effort + kCoverEffort, kNoDeadline) ==
        bounds::Cover::Outcome::refuted) {
      keep(threshold + 1);
    }
  }
  return proofs;
}

std::vector<Proof> proofs_by_search(const Problem& problem) {
  std::vector<Proof> proofs;
  for (const std::uint64_t states :
       {std::uint64_t{1}, std::uint64_t{2000}, std::uint64_t{1} << 30}) {
    base::Limits limits;
    limits.states = states;
    auto answer = throughput::plan_any(problem, limits);
    if (answer.proof) proofs.push_back(*std::move(answer.proof));
  }
  return proofs;
}

void change_a_number(std::int64_t& number, Random& random) {
  switch (random.below(4)) {
    case 0:
      number += random.between(-3, 3);
      break;
    case 1:
      number /= 2;
      break;
    case 2:
      number = 0;
      break;
    default:
      number = -number;
  }
}

ProofStep& pick_step(Proof& proof, Random& random) {
  return proof.steps[static_cast<std::size_t>(random.below(proof.steps.size()))];
}

void mutate(Proof& proof, std::size_t num_groups, Random& random) {
  const auto any_group = [&] { return static_cast<std::uint32_t>(random.below(num_groups)); };
  if (proof.steps.empty()) proof.steps.emplace_back();
  ProofStep& step = pick_step(proof, random);
  switch (random.below(8)) {
    case 0:
    case 1:
      if (step.weights.empty()) step.weights.assign(num_groups, 1);
      change_a_number(step.weights[static_cast<std::size_t>(random.below(step.weights.size()))],
                      random);
      break;
    case 2:
    case 3:
      for (std::int64_t& most : step.most) change_a_number(most, random);
      break;
    case 4:
      step.together.push_back({any_group(), any_group()});
      break;
    case 5:
      for (std::uint32_t& group : step.order) group = any_group();
      break;
    case 6:
      proof.steps.push_back(step);
      break;
    default:
      proof.steps.erase(proof.steps.begin());
  }
}

// Mutants of a proof; those that are accepted have to be true.
Fault find_false_mutant(const Problem& problem, const Proof& proof, Duration optimum,
                        Random& random, Tally& tally) {
  const std::size_t num_groups = reduce::contract_groups(problem)->num_nodes;
  for (int i = 0; i < 8; ++i) {
    Proof mutant = proof;
    // At the optimum plus a picosecond nothing is true.
    mutant.bound = random.chance(0.7) ? optimum + Duration(1) : mutant.bound + Duration(1);
    for (std::uint64_t changes = random.below(4); changes > 0; --changes) {
      mutate(mutant, num_groups, random);
    }
    const bool accepted = proves(problem, mutant);
    ++(accepted ? tally.accepted_mutants : tally.refuted_mutants);
    if (accepted && mutant.bound > optimum) return "a mutant proves more than the optimum";
  }
  return std::nullopt;
}

// Weights at random with the least claims that hold, or nearly; and groups that cannot share a
// device said to, which a second step would turn into any bound.
Fault find_false_invention(const Problem& problem, Duration optimum, Random& random) {
  const auto graph = reduce::contract_groups(problem, false);
  const std::size_t n = graph->num_nodes;
  Proof proof{optimum + Duration(1), "invented", {}};
  ProofStep step;
  std::int64_t all = 0;
  for (std::size_t v = 0; v < n; ++v) step.weights.push_back(random.between(-20, 100));
  for (const std::int64_t w : step.weights) all += w;
  const auto devices = static_cast<std::int64_t>(problem.machine().num_devices());
  step.most.assign(graph->num_kinds, std::max<std::int64_t>(0, (all - 1) / devices));
  proof.steps = {step};
  if (all > 0 && proves(problem, proof)) return "weights at random prove more than the optimum";
  if (n < 2) return std::nullopt;

  const auto a = static_cast<std::uint32_t>(random.below(n));
  auto b = static_cast<std::uint32_t>(random.below(n - 1));
  b += b >= a ? 1 : 0;
  step.together = {{a, b}};
  ProofStep alone{
      std::vector<std::int64_t>(n, 0), std::vector<std::int64_t>(graph->num_kinds, 0), {}, {}};
  alone.weights[a] = 1;
  // The smallest claims that hold are found by trying: a spare as small as can be fuses most.
  for (std::int64_t most = std::max<std::int64_t>(0, all / devices);
       most <= 100 * static_cast<std::int64_t>(n); most += 1 + most / 4) {
    step.most.assign(graph->num_kinds, most);
    proof.steps = {step, alone};
    if (proves(problem, proof))
      return "groups that fit nowhere together are said to share a device";
  }
  return std::nullopt;
}

class Proofs : public testing::Test {
 protected:
  void expect_no_failure(const FindFault& find_fault) {
    const auto failure =
        find_failure(settings().first_seed, settings().instances, is_any_throughput, find_fault);
    ASSERT_FALSE(failure) << failure->to_string();
  }
  Tally tally_;
};

TEST_F(Proofs, AreAccepted) {
  expect_no_failure([&](const Problem& problem) -> Fault {
    const auto optimum = support::brute_force(problem);
    if (!optimum) return std::nullopt;
    auto proofs = proofs_by_cover(problem, optimum->objective);
    for (Proof& proof : proofs_by_search(problem)) proofs.push_back(std::move(proof));
    for (const Proof& proof : proofs) {
      ++tally_.proofs;
      tally_.steps += static_cast<int>(proof.steps.size());
      for (const ProofStep& step : proof.steps) tally_.fusings += step.together.empty() ? 0 : 1;
      if (proof.steps.empty() && proof.method != "exhaustion") return "a proof has no steps";
      if (proof.bound > optimum->objective) return "the proof is of more than the optimum";
      const auto verdict = check::check_proof(problem, proof, kEffort);
      const bool unchecked = verdict.outcome == Outcome::unchecked && proof.steps.empty();
      tally_.unchecked += unchecked ? 1 : 0;
      if (verdict.outcome != Outcome::proved && !unchecked) {
        return "a proof by " + proof.method + " is not accepted: " + verdict.sentence;
      }
    }
    return std::nullopt;
  });
  std::cout << tally_.proofs << " proofs, " << tally_.steps << " steps, " << tally_.fusings
            << " of which fuse; " << tally_.unchecked << " exhaustions left unchecked\n";
  EXPECT_GT(tally_.proofs, static_cast<int>(settings().instances));
  EXPECT_LT(tally_.unchecked, tally_.proofs / 10);
  EXPECT_GT(tally_.fusings, 0);
}

TEST_F(Proofs, OfMoreThanTheOptimumAreNeverAccepted) {
  Random random(settings().first_seed);
  expect_no_failure([&](const Problem& problem) -> Fault {
    const auto optimum = support::brute_force(problem);
    if (!optimum) return std::nullopt;
    auto proofs = proofs_by_cover(problem, optimum->objective);
    for (Proof& proof : proofs_by_search(problem)) proofs.push_back(std::move(proof));
    for (const Proof& proof : proofs) {
      if (proof.steps.empty()) continue;  // nothing to mutate: see below
      if (Fault fault = find_false_mutant(problem, proof, optimum->objective, random, tally_)) {
        return fault;
      }
    }
    if (proves(problem, {optimum->objective + Duration(1), "exhaustion", {}})) {
      return "trying every placement misses the optimum";
    }
    return find_false_invention(problem, optimum->objective, random);
  });
  std::cout << tally_.accepted_mutants << " mutants are true, " << tally_.refuted_mutants
            << " were refuted\n";
  EXPECT_GT(tally_.accepted_mutants, 0);
  EXPECT_GT(tally_.refuted_mutants, static_cast<int>(settings().instances));
}

// A proof about another problem with as many groups and kinds proves what it proves there, or
// nothing.
TEST_F(Proofs, OfAnotherProblemNeverProveMoreThanTheOptimum) {
  std::vector<Proof> kept;
  expect_no_failure([&](const Problem& problem) -> Fault {
    const auto optimum = support::brute_force(problem);
    if (!optimum) return std::nullopt;
    for (const Proof& proof : kept) {
      if (proof.bound > optimum->objective && proves(problem, proof)) {
        return "the proof of another problem is accepted";
      }
    }
    for (Proof& proof : proofs_by_cover(problem, optimum->objective))
      kept.push_back(std::move(proof));
    constexpr std::size_t kKept = 100;
    if (kept.size() > kKept) kept.erase(kept.begin(), kept.end() - kKept);
    return std::nullopt;
  });
}

}  // namespace
}  // namespace cleave::properties
