#include "throughput/phase_search.h"

#include <algorithm>
#include <limits>

#include "cleave/bounds/cover.h"
#include "cleave/bounds/node_cuts.h"
#include "cleave/bounds/sweep.h"

namespace cleave::throughput {
namespace {

using base::StopReason;

constexpr std::string_view kWindows = "work within windows";
constexpr std::string_view kWork = "work";
constexpr std::string_view kNodes = "minimum cut around an operator";
constexpr std::string_view kProfile = "cheapest cuts along the model";
constexpr std::string_view kSweep = "least loads along a narrow order";
constexpr std::string_view kExhausted = "exhausted search";

constexpr std::size_t kOrders = 14;
// Beyond this only splits of orders and windows are tried: everything else is at least quadratic.
constexpr std::size_t kMostSearchedNodes = 12'000;
constexpr std::size_t kMaxPositions = 3000;  // at which one order may be cut
constexpr std::size_t kMinPositions = 200;
constexpr std::size_t kMostCells = std::size_t{1} << 24;  // of a table with a row for every level
constexpr std::size_t kFirstOrders = 4;
constexpr std::uint64_t kFirstEffort = 30'000;
constexpr std::uint64_t kSecondEffort = 1'200'000;
constexpr std::uint64_t kThirdEffort = 10'000'000;
constexpr std::size_t kFirstRanges = 100;
constexpr std::size_t kMostSweptNodes = 3'000;
constexpr std::size_t kSweptOrders = 8;
constexpr std::size_t kMostRanges = 10'000;
constexpr std::size_t kRangesPerNode = 20;
constexpr std::size_t kLargestPool = 8'000;
constexpr std::size_t kCorridorPool = 12'000;  // neighbours, many of them the same
constexpr std::size_t kAround = 400;           // of a boundary of the best chain
constexpr double kFirstCorridor = 0.02;        // of the best value
constexpr double kLastCorridor = 0.0005;
constexpr double kSmallestFraction = 1.0 / 8;
constexpr int kMemoryFailures = 8;  // in a row without progress, then the limit has stopped us
constexpr int kThresholds = 3;      // tried in a round, if none is settled
// Spreads of the profile's tiers, in hundredths of an even share of the work.
constexpr int kSpreads[] = {98, 92, 84, 70, 45};

// The kind that most of the devices that pay transfers are of; the profile's reference.
std::optional<std::size_t> find_reference(const Contracted& graph) {
  std::optional<std::size_t> best;
  if (graph.phases != 1 || graph.transfers != model::Transfers::serial) return best;
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    if (graph.kind_weights[q] < 0) continue;
    if (!best || graph.kind_count[q] > graph.kind_count[*best]) best = q;
  }
  return best;
}

}  // namespace

PhaseSearch::PhaseSearch(const Contracted& graph, const base::Limits& limits,
                         const base::Deadline& deadline, std::uint64_t& effort_spent)
    : graph_(graph),
      limits_(limits),
      deadline_(deadline),
      effort_spent_(effort_spent),
      levels_(graph),
      reach_(graph.num_nodes <= kMostSearchedNodes ? std::make_optional<Reachability>(graph)
                                                   : std::nullopt),
      max_positions_(
          reach_ ? kMaxPositions
                 : std::max(kMinPositions, kMaxPositions * kMostSearchedNodes / graph.num_nodes)),
      frame_(graph, levels_, reach_ ? &*reach_ : nullptr),
      orders_(propose_orders(graph, kFirstOrders, limits.seed)),
      reference_(find_reference(graph)) {}

PhaseSearch::Result PhaseSearch::minimise(const Caps& caps, std::size_t phase, Amount lower_bound,
                                          const Report& report) {
  caps_ = caps;
  phase_ = phase;
  report_ = &report;
  result_ = Result{};
  result_.lower_bound = lower_bound;
  result_.method = kWindows;
  fraction_ = 1.0;
  memory_failures_ = 0;

  // A few orders and a little search settle easy inputs; the others deserve more of both.
  split_orders(0, kFirstOrders);
  raise_by_windows();
  if (open() && graph_.phases == 1) raise(bounds::Cover(graph_).work(), kWork);
  if (!reach_) {
    if (open()) {
      orders_ = propose_orders(graph_, kOrders, limits_.seed);
      split_orders(kFirstOrders, kOrders);
    }
    if (open()) result_.stop = deadline_.reached() ? deadline_.reason() : StopReason::size;
    return std::move(result_);
  }
  if (open()) {
    raise(bounds::least_load_of_a_node(graph_, phase_, result_.lower_bound, deadline_), kNodes);
  }
  if (open()) exhaust(kFirstEffort, 1);
  if (open()) {
    if (orders_.size() < kOrders) orders_ = propose_orders(graph_, kOrders, limits_.seed);
    split_orders(kFirstOrders, kOrders);
  }
  if (open()) exhaust(kSecondEffort, 1);
  if (open() && reference_) raise_by_profile(kFirstRanges);
  std::uint64_t effort = kThirdEffort;
  if (open()) exhaust(effort, 1);
  for (std::size_t ranges = kFirstRanges; open();) {
    if (reference_ && ranges <= std::min(kMostRanges, kRangesPerNode * graph_.num_nodes)) {
      if (ranges > kFirstRanges) raise_by_profile(ranges);
      if (open()) search_pool();
      if (open() && ranges == kFirstRanges) raise_by_sweep();
      ranges = ranges * 7 / 2;
    }
    effort *= 2;
    if (open()) exhaust(effort, kThresholds);
  }
  return std::move(result_);
}

void PhaseSearch::accept(const Found& found) {
  if (result_.best && result_.best->value <= found.value) return;
  result_.best = found;
  memory_failures_ = 0;
  caps_.by_phase[phase_] = found.value - 1;
  (*report_)(result_);
  check_gap();
}

void PhaseSearch::raise(Amount bound, std::string_view method) {
  if (bound <= result_.lower_bound) return;
  result_.lower_bound = bound;
  result_.method = method;
  memory_failures_ = 0;
  (*report_)(result_);
  check_gap();
}

void PhaseSearch::check_gap() {
  if (!result_.best || result_.lower_bound >= result_.best->value) return;
  const auto gap = static_cast<double>(result_.best->value - result_.lower_bound);
  if (gap <= limits_.gap * static_cast<double>(result_.best->value)) {
    result_.stop = StopReason::gap;
  }
}

void PhaseSearch::split_orders(std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end && open(); ++i) {
    if (deadline_.reached()) return;
    const auto found =
        best_intervals(graph_, levels_, orders_[i], caps_, phase_, max_positions_, deadline_);
    if (found) accept(*found);
  }
}

// The smallest threshold that `refuted` does not refute, between the bound and the incumbent.
template <class Refuted>
Amount bisect(Amount low, Amount high, const Refuted& refuted) {
  if (low > high) return low;
  if (refuted(high)) return high + 1;
  while (low < high) {
    const Amount middle = low + (high - low) / 2;
    if (refuted(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void PhaseSearch::raise_by_windows() {
  raise(bisect(result_.lower_bound, caps_.by_phase[phase_],
               [&](Amount value) {
                 Caps trial = caps_;
                 trial.by_phase[phase_] = value;
                 frame_.set_caps(trial);
                 return frame_.refuted();
               }),
        kWindows);
}

// What the devices can do within a threshold, in the profile's terms.
bounds::Profile::Machine PhaseSearch::machine(Amount value) {
  Caps trial = caps_;
  trial.by_phase[phase_] = value;
  frame_.set_caps(trial);
  bounds::Profile::Machine machine;
  machine.references = levels_.left(0, *reference_);  // as many as can be of use
  // The most work of c devices of the other kinds, whichever they are.
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    if (levels_.used(level, *reference_) > 0) continue;
    std::size_t count = 0;
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) count += levels_.used(level, q);
    if (count >= machine.others.size()) machine.others.resize(count + 1, 0);
    machine.others[count] = std::max(machine.others[count], frame_.capacity(level, *reference_, 0));
  }
  return machine;
}

std::optional<bounds::Completion> PhaseSearch::completion(Amount value) {
  if (!profile_) return std::nullopt;
  return std::optional<bounds::Completion>(std::in_place, *profile_, value, machine(value));
}

// Once: along the order in which least is lost.
void PhaseSearch::raise_by_sweep() {
  if (!result_.best || graph_.num_nodes > kMostSweptNodes) return;
  std::optional<bounds::Sweep> best;
  for (std::size_t i = 0; i < std::min(orders_.size(), kSweptOrders); ++i) {
    if (deadline_.reached()) return;
    bounds::Sweep sweep(graph_, *reach_, *reference_, orders_[i]);
    if (!best || sweep.lost_weight() < best->lost_weight()) best.emplace(std::move(sweep));
  }
  if (!best->compute(caps_.by_phase[phase_], limits_.memory, deadline_)) return;
  raise(bisect(result_.lower_bound, caps_.by_phase[phase_],
               [&](Amount value) { return best->refuted(value, machine(value)); }),
        kSweep);
}

void PhaseSearch::raise_by_profile(std::size_t num_ranges) {
  if (!cuts_) cuts_.emplace(graph_, *reach_, *reference_);
  std::vector<Amount> spreads;
  for (const int hundredths : kSpreads) {
    spreads.push_back(cuts_->total_work() / 100 * hundredths /
                      static_cast<Amount>(graph_.kind_count[*reference_]));
  }
  profile_.emplace(*cuts_, num_ranges, spreads);
  boundaries_.clear();
  profile_->compute(deadline_, &boundaries_);
  raise(bisect(result_.lower_bound, caps_.by_phase[phase_],
               [&](Amount value) { return completion(value)->refuted(); }),
        kProfile);
}

void PhaseSearch::search_pool() {
  IdealStore store(graph_);
  PoolSearch pool(graph_, levels_, store, deadline_);
  const std::size_t words = reach_->words();
  const std::size_t count = boundaries_.size() / words;
  const std::size_t most = kMostCells / levels_.size();
  const std::size_t stride = 1 + count / std::min(kLargestPool, most);
  for (std::size_t i = 0; i < count; i += stride) pool.add(store.intern(&boundaries_[i * words]));
  if (result_.best) pool.add_around(result_.best->chain, kAround);
  // Chains a little worse than the best show where to look: the pool moves on to the ideals around
  // those on any of them, in an ever narrower corridor.
  for (double corridor = kFirstCorridor; corridor > kLastCorridor && open();) {
    Caps caps = caps_;
    if (result_.best) {
      caps.by_phase[phase_] +=
          static_cast<Amount>(corridor * static_cast<double>(result_.best->value));
    }
    const auto found = pool.best(caps, phase_);
    if (!found || deadline_.reached()) return;
    const bool better = !result_.best || found->value < result_.best->value;
    accept(*found);
    if (!better) corridor /= 2;
    pool.clear();
    pool.add_around(result_.best->chain, kAround);
    for (const auto& [value, ideal] : pool.near()) {
      if (pool.size() >= std::min(kCorridorPool, most)) break;
      pool.add_neighbours(ideal, kAround / 16);
    }
  }
}

// Between the bound and the largest value worth looking at. Without an incumbent the top may be
// astronomically far: grow from the bound instead.
Amount PhaseSearch::threshold() const {
  const Amount bound = result_.lower_bound;
  const Amount top = caps_.by_phase[phase_];
  if (!result_.best) {
    const Amount step = std::max<Amount>(1, bound / 2);
    return top - bound <= step ? top : bound + step;
  }
  if (fraction_ >= 1.0) return top;
  return bound + static_cast<Amount>(static_cast<double>(top - bound) * fraction_);
}

// Right below the incumbent settles most inputs. Where that is too much, thresholds nearer to the
// bound are refuted sooner.
void PhaseSearch::exhaust(std::uint64_t effort, int failures) {
  while (open()) {
    ChainSearch::Options options;
    options.caps = caps_;
    options.objective_phase = phase_;
    options.lower_bound = result_.lower_bound;
    options.max_memory = base::Bytes(limits_.memory.count() / 8 * 7);  // some for the rest of us
    options.max_effort = effort;
    if (limits_.states < std::numeric_limits<std::uint64_t>::max()) {
      if (effort_spent_ >= limits_.states) {
        result_.stop = StopReason::states;
        return;
      }
      options.max_effort = std::min(effort, limits_.states - effort_spent_);
    }
    const Amount target = threshold();
    options.caps.by_phase[phase_] = target;
    const auto table = completion(target);
    if (table && table->refuted()) {
      raise(target + 1, kProfile);
      continue;
    }
    if (table) {
      options.completion = &*table;
      options.reference = *reference_;
    }
    if (!search_) {
      store_ = std::make_unique<IdealStore>(graph_);
      search_ = std::make_unique<ChainSearch>(graph_, levels_, frame_, *store_, deadline_);
    }
    const ChainSearch::Outcome outcome =
        search_->run(options, [&](const Found& found) { accept(found); });
    effort_spent_ += outcome.effort;
    if (outcome.exhausted) {
      // All chains within the target are beaten, or equalled by the one found.
      raise(outcome.best ? outcome.best->value : target + 1, kExhausted);
      fraction_ = std::min(1.0, fraction_ * 2);
      continue;
    }
    switch (outcome.stop) {
      case StopReason::memory:
        if (++memory_failures_ == kMemoryFailures) {
          result_.stop = StopReason::memory;
          return;
        }
        search_.reset();  // its tables; the next threshold needs others
        store_.reset();
        [[fallthrough]];
      case StopReason::states:
        if (--failures == 0 || target == result_.lower_bound) return;
        fraction_ = fraction_ > kSmallestFraction ? fraction_ / 2 : 1.0;
        break;
      default:
        result_.stop = outcome.stop;
    }
  }
}

}  // namespace cleave::throughput
