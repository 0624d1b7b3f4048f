#include "cleave/check/proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "check/exhaust.h"
#include "check/heavy_sets.h"
#include "check/relaxation.h"

namespace cleave::check {

using model::Problem;
using model::Proof;
using model::ProofStep;
using Outcome = ProofVerdict::Outcome;

namespace {

__extension__ using Wide = __int128;

constexpr Wide kMaxWeight = Wide{1} << 50;  // of all groups
// How many labels are told apart: more only where fewer leave a claim open.
constexpr std::array<std::size_t, 5> kLabels = {1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20};
// Trying every placement of more groups is hopeless, and goes as deep as there are groups.
constexpr std::size_t kMaxExhaustedGroups = 64;

// Which claim was not derived; nothing where all were.
using Fault = std::optional<ProofVerdict>;

Fault refuted(std::string sentence) { return ProofVerdict{Outcome::refuted, std::move(sentence)}; }

// Whether some placement within the threshold may cut an edge, as far as weights say. Open: more
// labels may tell.
enum class Answer { no, yes, open, stopped };

// Less was found where labels were blurred: a claim that was not derived may still be true.
Fault not_derived(bool exact, std::string sentence) {
  return ProofVerdict{exact ? Outcome::refuted : Outcome::unchecked, std::move(sentence)};
}

// Most weight of parts, taken to pieces, whose sizes add up to at most `capacity`. Rounded up.
template <class SizeOf>
Wide fill(const Relaxation& parts, std::span<const std::int64_t> weights, std::size_t kind,
          Amount capacity, const SizeOf& size_of) {
  std::vector<Part> items;
  for (Part p = 0; p < parts.num_parts; ++p) {
    if (weights[p] > 0 && parts.allowed(p, kind)) items.push_back(p);
  }
  std::sort(items.begin(), items.end(), [&](Part a, Part b) {
    const Wide left = Wide{weights[a]} * size_of(b), right = Wide{weights[b]} * size_of(a);
    return left != right ? left > right : a < b;
  });
  Wide most = 0;
  for (const Part p : items) {
    const Amount size = size_of(p);
    if (size > capacity) return most + (Wide{weights[p]} * capacity) / size;
    capacity -= size;
    most += weights[p];
  }
  return most;
}

class Checker {
 public:
  Checker(const Relaxation& groups, Amount threshold, Effort& effort)
      : groups_(groups), threshold_(threshold), effort_(effort), parts_(groups) {
    part_of_.resize(groups.num_parts);
    std::iota(part_of_.begin(), part_of_.end(), Part{0});
  }

  // Whether the threshold is refuted by a step; or a claim of the step that was not derived.
  struct Result {
    bool contradiction = false;
    Fault fault;
  };
  Result take(const ProofStep& step) {
    if (Fault fault = find_malformed(step)) return {false, std::move(fault)};
    read(step);
    for (std::size_t q = 0; q < parts_.num_kinds(); ++q) {
      if (Fault fault = derive_most(step, q)) return {false, std::move(fault)};
    }
    Wide capacity = 0;
    for (std::size_t q = 0; q < parts_.num_kinds(); ++q) {
      capacity += Wide{parts_.counts[q]} * step.most[q];
    }
    const Wide all = std::accumulate(weights_.begin(), weights_.end(), Wide{0});
    if (capacity < all) return {true, std::nullopt};
    if (step.together.empty()) {
      return {false, refuted("all devices together can hold all groups")};
    }
    return {false, derive_together(step, capacity - all)};
  }

 private:
  [[nodiscard]] Fault find_malformed(const ProofStep& step) const {
    const auto known = [&](Part group) { return group < groups_.num_parts; };
    bool sound = step.weights.size() == groups_.num_parts &&
                 step.most.size() == groups_.num_kinds() &&
                 std::all_of(step.order.begin(), step.order.end(), known);
    for (const auto& set : step.together) {
      sound = sound && !set.empty() && std::all_of(set.begin(), set.end(), known);
    }
    if (!sound) {
      return refuted(
          fmt::format("it is of another problem than this one of {} groups and {} kinds "
                      "of devices",
                      groups_.num_parts, groups_.num_kinds()));
    }
    Wide sum = 0;
    for (const std::int64_t w : step.weights) sum += w < 0 ? -Wide{w} : Wide{w};
    if (sum > kMaxWeight) return refuted("its weights add up to more than 2^50");
    if (std::any_of(step.most.begin(), step.most.end(), [](auto most) { return most < 0; })) {
      return refuted("a device that holds nothing holds a weight of 0");
    }
    return std::nullopt;
  }

  // Weights and searches for the parts of this step.
  void read(const ProofStep& step) {
    weights_.assign(parts_.num_parts, 0);
    for (Part g = 0; g < part_of_.size(); ++g) weights_[part_of_[g]] += step.weights[g];
    order_.clear();
    for (const Part group : step.order) order_.push_back(part_of_[group]);
    sets_.clear();
    sets_.resize(parts_.num_kinds());
  }

  [[nodiscard]] const HeavySets& sets(std::size_t kind) {
    if (!sets_[kind]) sets_[kind] = std::make_unique<HeavySets>(parts_, kind, order_);
    return *sets_[kind];
  }

  // That a device of the kind holds at most what the step says: by its time or memory alone, or
  // else with what it pays for transfers.
  Fault derive_most(const ProofStep& step, std::size_t kind) {
    const Wide by_time =
        fill(parts_, weights_, kind, threshold_, [&](Part p) { return parts_.time(p, kind); });
    if (by_time <= step.most[kind]) return std::nullopt;
    if (parts_.capacity[kind] != Relaxation::kUnlimited) {
      const Wide by_memory = fill(parts_, weights_, kind, parts_.capacity[kind],
                                  [&](Part p) { return parts_.memory[p]; });
      if (by_memory <= step.most[kind]) return std::nullopt;
    }
    bool exact = true;
    for (const std::size_t max_labels : kLabels) {
      if (!parts_.pays[kind]) break;
      const auto found =
          sets(kind).find({weights_, threshold_, step.most[kind], max_labels}, effort_);
      if (found.stopped) return out_of_effort();
      if (found.most <= step.most[kind]) return std::nullopt;
      exact = !found.blurred;
      if (exact) break;
    }
    return not_derived(exact, fmt::format("a device of kind {} may hold more than a weight of {}",
                                          kind, step.most[kind]));
  }

  // That each set of groups shares a device: edges connect it that no placement within the
  // threshold cuts, since the devices would hold too little. `spare` is what they can do without.
  Fault derive_together(const ProofStep& step, Wide spare) {
    std::vector<std::uint32_t> open;
    if (spare <= kMaxWeight) open = edges_within(step);
    std::vector<bool> uncut(parts_.edges.size(), false);
    for (const std::size_t max_labels : kLabels) {
      std::vector<std::uint32_t> left;
      for (const std::uint32_t e : open) {
        switch (can_be_cut(step, spare, e, max_labels)) {
          case Answer::no:
            uncut[e] = true;
            break;
          case Answer::yes:
            break;
          case Answer::open:
            left.push_back(e);
            break;
          case Answer::stopped:
            return out_of_effort();
        }
      }
      if (connect(step, uncut)) return std::nullopt;
      open = std::move(left);
      if (open.empty()) break;
    }
    return not_derived(open.empty(), "groups that are said to share a device may be apart");
  }

  // Edges that have all pins in one of the step's sets.
  [[nodiscard]] std::vector<std::uint32_t> edges_within(const ProofStep& step) const {
    std::vector<std::size_t> set_of(parts_.num_parts, step.together.size());  // none
    for (std::size_t i = 0; i < step.together.size(); ++i) {
      for (const Part group : step.together[i]) set_of[part_of_[group]] = i;
    }
    std::vector<std::uint32_t> within;
    for (std::uint32_t e = 0; e < parts_.edges.size(); ++e) {
      const auto& pins = parts_.edges[e].pins;
      const std::size_t set = set_of[pins.front()];
      const bool shared =
          std::all_of(pins.begin(), pins.end(), [&](Part pin) { return set_of[pin] == set; });
      if (shared && set < step.together.size()) within.push_back(e);
    }
    return within;
  }

  // Devices of kinds that pay nothing, up to two, that may hold a pin of the edge: cutting it costs
  // them nothing.
  [[nodiscard]] Amount free_holders(const Relaxation::Edge& edge) const {
    Amount count = 0;
    for (std::size_t q = 0; q < parts_.num_kinds(); ++q) {
      const bool able =
          !parts_.pays[q] && std::any_of(edge.pins.begin(), edge.pins.end(), [&](Part pin) {
            return parts_.allowed(pin, q) && parts_.time(pin, q) <= threshold_;
          });
      if (able) count += std::min<Amount>(2, parts_.counts[q]);
    }
    return std::min<Amount>(2, count);
  }

  // `no`: the devices that pay and cut the edge would lose more than the spare.
  Answer can_be_cut(const ProofStep& step, Wide spare, std::uint32_t edge, std::size_t max_labels) {
    const Amount losers = 2 - free_holders(parts_.edges[edge]);  // at least so many pay
    if (losers == 0) return Answer::yes;
    const auto loss = static_cast<std::int64_t>(spare / losers) + 1;
    for (std::size_t q = 0; q < parts_.num_kinds(); ++q) {
      if (!parts_.pays[q]) continue;
      const std::int64_t above = step.most[q] - loss;
      const auto found = sets(q).find({weights_, threshold_, above, max_labels, edge}, effort_);
      if (found.stopped) return Answer::stopped;
      if (found.most > above) return found.blurred ? Answer::open : Answer::yes;
    }
    return Answer::no;
  }

  // Makes a part of each of the step's sets, if the uncut edges connect it; else false.
  bool connect(const ProofStep& step, const std::vector<bool>& uncut) {
    std::vector<Part> shared(parts_.num_parts), claimed(parts_.num_parts);
    std::iota(shared.begin(), shared.end(), Part{0});
    std::iota(claimed.begin(), claimed.end(), Part{0});
    const auto find = [](std::vector<Part>& leader, Part p) {
      while (leader[p] != p) p = leader[p] = leader[leader[p]];
      return p;
    };
    for (std::size_t e = 0; e < uncut.size(); ++e) {
      if (!uncut[e]) continue;
      const auto& pins = parts_.edges[e].pins;
      for (const Part pin : pins) shared[find(shared, pin)] = find(shared, pins.front());
    }
    for (const auto& set : step.together) {
      const Part first = part_of_[set.front()];
      for (const Part group : set) {
        const Part other = part_of_[group];
        if (find(shared, other) != find(shared, first)) return false;
        claimed[find(claimed, other)] = find(claimed, first);
      }
    }
    std::vector<Part> number(parts_.num_parts), joined(parts_.num_parts);
    Part count = 0;
    for (Part p = 0; p < parts_.num_parts; ++p) {
      if (find(claimed, p) == p) number[p] = count++;
    }
    for (Part p = 0; p < parts_.num_parts; ++p) joined[p] = number[find(claimed, p)];
    parts_ = join(parts_, joined, count);
    for (Part& part : part_of_) part = joined[part];
    return true;
  }

  static Fault out_of_effort() {
    return ProofVerdict{Outcome::unchecked, "deriving it takes more than the effort allowed"};
  }

  const Relaxation& groups_;
  Amount threshold_;
  Effort& effort_;
  Relaxation parts_;           // of the groups that share a device as far as was derived
  std::vector<Part> part_of_;  // [groups]
  std::vector<std::int64_t> weights_;
  std::vector<Part> order_;
  std::vector<std::unique_ptr<HeavySets>> sets_;  // [kinds]
};

ProofVerdict check_steps(const Problem& problem, const Proof& proof, Effort& effort) {
  const Relaxation groups = relax(problem);
  Checker checker(groups, proof.bound.count() - 1, effort);
  for (std::size_t i = 0; i < proof.steps.size(); ++i) {
    auto [contradiction, fault] = checker.take(proof.steps[i]);
    if (contradiction) {
      return {Outcome::proved,
              fmt::format("by weights of groups, in {} step{}", i + 1, i == 0 ? "" : "s")};
    }
    if (!fault) continue;
    fault->sentence = fmt::format("step {} of {}: {}", i + 1, proof.steps.size(), fault->sentence);
    return *std::move(fault);
  }
  return *refuted("its steps end without a contradiction");
}

ProofVerdict check_exhaustively(const Problem& problem, const Proof& proof, Effort& effort) {
  if (relax(problem).num_parts > kMaxExhaustedGroups) {
    return {Outcome::unchecked,
            fmt::format("trying every placement of more than {} groups", kMaxExhaustedGroups)};
  }
  const auto found = some_placement_within(problem, proof.bound - base::Duration(1), effort);
  if (!found) {
    return {Outcome::unchecked, "trying every placement takes more than the effort allowed"};
  }
  if (*found) return *refuted("a placement with a smaller objective exists");
  return {Outcome::proved, "by trying every placement"};
}

}  // namespace

ProofVerdict check_proof(const Problem& problem, const Proof& proof, std::uint64_t max_effort) {
  const model::Question& question = problem.question();
  if (question.objective != model::Objective::throughput || question.stages) {
    return *refuted("proofs are about throughput, without choices of stages");
  }
  if (proof.bound <= base::Duration::zero()) return {Outcome::proved, "since no load is negative"};
  if (proof.bound > base::kMaxDuration) return *refuted("no load is that long");
  Effort effort{max_effort};
  ProofVerdict verdict = proof.steps.empty() ? check_exhaustively(problem, proof, effort)
                                             : check_steps(problem, proof, effort);
  verdict.effort = max_effort - effort.left;
  return verdict;
}

}  // namespace cleave::check
