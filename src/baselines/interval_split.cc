#include "baselines/interval_split.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "cleave/cost/loads.h"

namespace cleave::baselines {

using base::Bytes;
using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::KindId;
using cost::HyperedgeId;
using cost::UnitId;

namespace {

constexpr std::size_t kMaxPositions = 4096;
constexpr std::size_t kMaxStates = 4096;
constexpr std::size_t kMaxWork = std::size_t{1} << 32;           // positions² · states · kinds
constexpr std::size_t kMaxStepsOfRounds = std::size_t{1} << 28;  // stages tried · states

// What an interval costs one device, as a pair to be minimised: for gpipe the load of each phase;
// otherwise nothing and the load, so that one search does for all schedules.
struct StageCost {
  Duration forward{0};
  Duration backward{0};
};

// The loads of an interval of the order on each class, while it grows to the right.
class GrowingInterval {
 public:
  explicit GrowingInterval(const cost::UnitGraph& units)
      : units_(units),
        problem_(units.problem()),
        sums_(problem_.machine().num_classes()),
        edges_(units.num_hyperedges()) {}

  void clear() {
    ++generation_;
    memory_ = Bytes();
    std::fill(sums_.begin(), sums_.end(), cost::DeviceSums{});
  }

  void add(UnitId unit) {
    memory_ += units_.memory(unit);
    for (std::size_t c = 0; c < sums_.size(); ++c) {
      const auto& compute = units_.compute(unit, ClassId(c));
      for (std::size_t phase = 0; phase < compute.size(); ++phase) {
        sums_[c][phase].compute += compute[phase];
      }
    }
    for (const HyperedgeId edge : units_.hyperedges(unit)) {
      EdgeState& state = edges_[edge.index()];
      if (state.generation != generation_) state = {generation_, 0, false};
      book(edge, state, -1);
      ++state.held;
      state.home = state.home || units_.pins(edge).front() == unit;
      book(edge, state, 1);
    }
  }

  [[nodiscard]] Bytes memory() const { return memory_; }

  [[nodiscard]] StageCost cost(ClassId c) const {
    const model::DeviceLoad load = cost::summarise(problem_, sums_[c.index()], memory_);
    return is_gpipe() ? StageCost{load.forward, load.backward} : StageCost{Duration(0), load.load};
  }
  // What the cost cannot fall below however the interval grows.
  [[nodiscard]] StageCost floor(ClassId c) const {
    const auto& [forward, backward] = sums_[c.index()];
    return is_gpipe() ? StageCost{forward.compute, backward.compute}
                      : StageCost{Duration(0), forward.compute + backward.compute};
  }

 private:
  struct EdgeState {
    std::uint64_t generation = 0;
    std::size_t held = 0;  // pins inside
    bool home = false;     // the producer is inside
  };

  [[nodiscard]] bool is_gpipe() const { return problem_.schedule() == model::Schedule::gpipe; }

  void book(HyperedgeId edge, const EdgeState& state, int sign) {
    if (state.held == 0 || state.held == units_.pins(edge).size()) return;
    for (std::size_t c = 0; c < sums_.size(); ++c) {
      cost::PhaseSums& sums = sums_[c][static_cast<std::size_t>(units_.phase(edge))];
      (state.home ? sums.out : sums.in) += units_.transfer(edge, ClassId(c)) * sign;
    }
  }

  const cost::UnitGraph& units_;
  const model::Problem& problem_;
  Bytes memory_;
  std::vector<cost::DeviceSums> sums_;  // [classes]
  std::vector<EdgeState> edges_;        // [hyperedges]
  std::uint64_t generation_ = 0;
};

// The devices that a split may use, and every way to have used some of them. A state is a number in
// mixed radix: one digit a kind, from 0 to the devices of the kind.
class DeviceStates {
 public:
  DeviceStates(const model::Problem& problem, std::size_t positions) {
    for (std::size_t k = 0; k < problem.num_kinds(); ++k) {
      counts_.push_back(std::min(problem.kind(KindId(k)).devices.size(), positions));
    }
    while (!few_enough()) --*std::max_element(counts_.begin(), counts_.end());
    for (const std::size_t count : counts_) {
      strides_.push_back(size_);
      size_ *= count + 1;
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t used(std::size_t state, std::size_t kind) const {
    return state / strides_[kind] % (counts_[kind] + 1);
  }
  [[nodiscard]] std::size_t used_in_all(std::size_t state) const {
    std::size_t devices = 0;
    for (std::size_t k = 0; k < counts_.size(); ++k) devices += used(state, k);
    return devices;
  }
  [[nodiscard]] bool can_use(std::size_t state, std::size_t kind) const {
    return used(state, kind) < counts_[kind];
  }
  [[nodiscard]] std::size_t stride(std::size_t kind) const { return strides_[kind]; }

 private:
  [[nodiscard]] bool few_enough() const {
    std::size_t states = 1;
    for (const std::size_t count : counts_) {
      states *= count + 1;
      if (states > kMaxStates) return false;
    }
    return true;
  }

  std::vector<std::size_t> counts_;   // [kinds]
  std::vector<std::size_t> strides_;  // [kinds]
  std::size_t size_ = 1;
};

class IntervalSearch {
 public:
  IntervalSearch(const cost::UnitGraph& units, std::span<const UnitId> order)
      : units_(units),
        problem_(units.problem()),
        order_(order),
        states_(problem_, order.size()),
        interval_(units),
        cells_((order.size() + 1) * states_.size()),
        open_(problem_.num_kinds()) {
    for (std::size_t k = 0; k < problem_.num_kinds(); ++k) {
      for (std::size_t s = 0; s < states_.size(); ++s) usable_.push_back(states_.can_use(s, k));
    }
  }

  // Minimises the largest backward cost under a limit on the forward cost of every stage.
  std::optional<model::Placement> run(Duration forward_limit) {
    forward_limit_ = forward_limit;
    bound_ = kUnreached;
    std::fill(cells_.begin(), cells_.end(), Cell{});
    cells_[0].value = Duration(0);
    for (std::size_t begin = 0; begin < order_.size(); ++begin) extend_from(begin);
    if (bound_ == kUnreached) return std::nullopt;
    return read_off(best_final_state());
  }

  // Effort of all runs together.
  [[nodiscard]] std::size_t steps() const { return steps_; }

 private:
  static constexpr Duration kUnreached = Duration::max();

  struct Cell {
    Duration value = kUnreached;
    std::int32_t begin = 0;  // of the last stage
    std::int32_t kind = 0;   // of the last stage
  };

  [[nodiscard]] Cell& cell(std::size_t position, std::size_t state) {
    return cells_[position * states_.size() + state];
  }

  void extend_from(std::size_t begin) {
    reached_.clear();
    for (std::size_t s = 0; s < states_.size(); ++s) {
      if (cell(begin, s).value < bound_) reached_.push_back(s);
    }
    if (reached_.empty()) return;
    interval_.clear();
    std::fill(open_.begin(), open_.end(), true);
    bool any_open = true;
    for (std::size_t end = begin + 1; any_open && end <= order_.size(); ++end) {
      interval_.add(order_[end - 1]);
      any_open = false;
      for (std::size_t k = 0; k < open_.size(); ++k) {
        open_[k] = open_[k] && can_hold(order_[end - 1], KindId(k));
        if (!open_[k]) continue;
        any_open = true;
        place_stage(begin, end, KindId(k));
      }
    }
  }

  // Whether the interval can still become a stage there; once false, false for all that is longer.
  [[nodiscard]] bool can_hold(UnitId last, KindId kind) const {
    const ClassId device_class = problem_.kind(kind).device_class;
    const auto memory = problem_.memory(device_class);
    const StageCost floor = interval_.floor(device_class);
    return units_.allowed(last, kind) && (!memory || interval_.memory() <= *memory) &&
           floor.forward <= forward_limit_ && floor.backward < bound_;
  }

  void place_stage(std::size_t begin, std::size_t end, KindId kind) {
    steps_ += 1 + reached_.size();
    const StageCost stage = interval_.cost(problem_.kind(kind).device_class);
    if (stage.forward > forward_limit_ || stage.backward >= bound_) return;
    const std::size_t k = kind.index();
    const std::size_t stride = states_.stride(k);
    for (const std::size_t state : reached_) {
      if (!usable_[k * states_.size() + state]) continue;
      const Duration value = std::max(cell(begin, state).value, stage.backward);
      Cell& target = cell(end, state + stride);
      if (value >= target.value) continue;
      target = {value, static_cast<std::int32_t>(begin), kind.value()};
      if (end == order_.size()) bound_ = std::min(bound_, value);
    }
  }

  // Of the states that attain the optimum, one with the fewest devices.
  [[nodiscard]] std::size_t best_final_state() {
    const auto rank = [&](std::size_t s) {
      return std::pair(cell(order_.size(), s).value, states_.used_in_all(s));
    };
    std::size_t best = 0;
    for (std::size_t s = 1; s < states_.size(); ++s) {
      if (rank(s) < rank(best)) best = s;
    }
    return best;
  }

  [[nodiscard]] model::Placement read_off(std::size_t state) {
    std::vector<DeviceId> device_of(units_.size());
    std::size_t end = order_.size();
    while (end > 0) {
      const Cell& last = cell(end, state);
      const auto k = static_cast<std::size_t>(last.kind);
      state -= states_.stride(k);
      const DeviceId device = problem_.kind(KindId(k)).devices[states_.used(state, k)];
      const auto begin = static_cast<std::size_t>(last.begin);
      for (std::size_t i = begin; i < end; ++i) device_of[order_[i].index()] = device;
      end = begin;
    }
    return units_.expand(device_of);
  }

  const cost::UnitGraph& units_;
  const model::Problem& problem_;
  std::span<const UnitId> order_;
  DeviceStates states_;
  GrowingInterval interval_;
  std::vector<bool> usable_;          // [kinds × states]
  std::vector<Cell> cells_;           // [positions + 1 × states]
  std::vector<bool> open_;            // [kinds]: may hold the interval
  std::vector<std::size_t> reached_;  // states at the interval's begin
  std::size_t steps_ = 0;
  Duration forward_limit_{0};
  Duration bound_ = kUnreached;  // of the best complete split so far
};

std::optional<model::Placement> best_split(const cost::UnitGraph& units,
                                           std::span<const UnitId> order) {
  const model::Problem& problem = units.problem();
  IntervalSearch search(units, order);
  std::optional<model::Placement> best;
  Duration objective = Duration::max();
  Duration forward_limit = Duration::max();
  while (search.steps() < kMaxStepsOfRounds) {
    auto placement = search.run(forward_limit);
    if (!placement) break;
    const cost::Evaluation found = cost::evaluate(problem, *placement);
    if (found.objective < objective) {
      objective = found.objective;
      best = std::move(placement);
    }
    if (problem.schedule() != model::Schedule::gpipe) break;
    // A better one has a smaller forward load, hence no smaller a backward load than this one.
    Duration forward{0};
    for (const model::DeviceLoad& device : found.devices) {
      forward = std::max(forward, device.forward);
    }
    const Duration backward = found.objective - forward;
    forward_limit = std::min(forward, objective - backward) - Duration(1);
  }
  return best;
}

// How many neighbours to fuse so that the effort is bounded.
std::size_t chunk_length(const model::Problem& problem, std::size_t units) {
  std::size_t length = 1;
  for (;; length *= 2) {
    const std::size_t positions = (units + length - 1) / length;
    if (positions > kMaxPositions) continue;
    const std::size_t states = DeviceStates(problem, positions).size();
    if (positions * positions * states <= kMaxWork / problem.num_kinds()) return length;
  }
}

}  // namespace

std::optional<model::Placement> split_into_intervals(const cost::UnitGraph& units,
                                                     std::span<const UnitId> order) {
  const std::size_t length = chunk_length(units.problem(), order.size());
  if (length == 1) return best_split(units, order);
  cost::Partition chunks;
  chunks.part_of.resize(units.size());
  chunks.count = (order.size() + length - 1) / length;
  for (std::size_t i = 0; i < order.size(); ++i) {
    chunks.part_of[order[i].index()] = UnitId(i / length);
  }
  std::vector<UnitId> chunk_order;
  for (std::size_t i = 0; i < chunks.count; ++i) chunk_order.push_back(UnitId(i));
  return best_split(cost::coarsen(units, chunks), chunk_order);
}

}  // namespace cleave::baselines
