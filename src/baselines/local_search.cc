#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "baselines/runs.h"
#include "cleave/base/random.h"
#include "cleave/cost/incremental.h"
#include "cleave/cost/unit_graph.h"

namespace cleave::baselines {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using cost::UnitId;

namespace {

constexpr int kStarts = 8;
constexpr std::uint64_t kEffortPerStart = 20'000'000;  // pins and loads looked at
constexpr int kSwapPartners = 8;                       // random ones, per unit and sweep

template <class T>
void shuffle(std::vector<T>& values, base::Random& random) {
  for (std::size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[static_cast<std::size_t>(random.below(i))]);
  }
}

std::vector<UnitId> all_units(const cost::UnitGraph& units) {
  std::vector<UnitId> all;
  for (std::size_t u = 0; u < units.size(); ++u) all.push_back(UnitId(u));
  return all;
}

// First-improvement descent on (objective, loads of the two devices touched, larger first), so that
// it goes on where the busiest device does not change but others get better.
class Descent {
 public:
  Descent(const cost::UnitGraph& units, std::vector<DeviceId> start, base::Random& random)
      : units_(units),
        problem_(units.problem()),
        loads_(units, std::move(start)),
        random_(random) {}

  const cost::IncrementalLoads& run() {
    std::vector<UnitId> order = all_units(units_);
    bool improved = true;
    while (improved && effort_ < kEffortPerStart) {
      shuffle(order, random_);
      improved = false;
      for (const UnitId unit : order) {
        if (effort_ >= kEffortPerStart) break;
        improved = improve_by_moves(unit) || improved;
        improved = improve_by_swaps(unit) || improved;
      }
    }
    return loads_;
  }

 private:
  using Standing = std::tuple<Duration, Duration, Duration>;

  [[nodiscard]] bool allowed(UnitId unit, DeviceId device) const {
    return units_.allowed(unit, problem_.kind_of(device));
  }

  [[nodiscard]] Standing standing(DeviceId a, DeviceId b) {
    const auto [smaller, larger] = std::minmax(loads_.load(a).load, loads_.load(b).load);
    // But for gpipe, the pair getting better implies that the objective does not get worse.
    if (problem_.schedule() != model::Schedule::gpipe) return {Duration(0), larger, smaller};
    effort_ += loads_.devices().size();
    return {loads_.objective(), larger, smaller};
  }

  void move(UnitId unit, DeviceId device) {
    ++effort_;
    for (const cost::HyperedgeId edge : units_.hyperedges(unit)) {
      effort_ += units_.pins(edge).size();
    }
    loads_.move(unit, device);
  }

  bool improve_by_moves(UnitId unit) {
    bool improved = false;
    for (std::size_t d = 0; d < loads_.devices().size(); ++d) {
      const DeviceId from = loads_.device(unit), to(d);
      if (to == from || !allowed(unit, to)) continue;
      const Standing before = standing(from, to);
      move(unit, to);
      if (loads_.fits(to) && standing(from, to) < before) {
        improved = true;
      } else {
        move(unit, from);
      }
    }
    return improved;
  }

  bool improve_by_swaps(UnitId unit) {
    for (int i = 0; i < kSwapPartners; ++i) {
      const UnitId partner(static_cast<std::size_t>(random_.below(units_.size())));
      const DeviceId a = loads_.device(unit), b = loads_.device(partner);
      if (a == b || !allowed(unit, b) || !allowed(partner, a)) continue;
      const Standing before = standing(a, b);
      move(unit, b);
      move(partner, a);
      if (loads_.fits(a) && loads_.fits(b) && standing(a, b) < before) return true;
      move(unit, a);
      move(partner, b);
    }
    return false;
  }

  const cost::UnitGraph& units_;
  const model::Problem& problem_;
  cost::IncrementalLoads loads_;
  base::Random& random_;
  std::uint64_t effort_ = 0;
};

// Units one by one, the largest first, each on a random device that is allowed and has room.
std::optional<std::vector<DeviceId>> random_start(const cost::UnitGraph& units,
                                                  base::Random& random) {
  const model::Problem& problem = units.problem();
  const model::Machine& machine = problem.machine();
  std::vector<UnitId> order = all_units(units);
  shuffle(order, random);
  std::stable_sort(order.begin(), order.end(),
                   [&](UnitId a, UnitId b) { return units.memory(a) > units.memory(b); });
  const std::size_t devices = machine.num_devices();
  std::vector<Bytes> used(devices);
  std::vector<DeviceId> device_of(units.size());
  for (const UnitId unit : order) {
    const auto first = static_cast<std::size_t>(random.below(devices));
    for (std::size_t i = 0; i < devices && !device_of[unit.index()].valid(); ++i) {
      const DeviceId device((first + i) % devices);
      const Bytes needed = used[device.index()] + units.memory(unit);
      const auto limit = problem.memory(machine.class_of(device));
      if (!units.allowed(unit, problem.kind_of(device)) || (limit && needed > *limit)) continue;
      used[device.index()] = needed;
      device_of[unit.index()] = device;
    }
    if (!device_of[unit.index()].valid()) return std::nullopt;
  }
  return device_of;
}

std::optional<std::vector<DeviceId>> greedy_start(const cost::UnitGraph& units,
                                                  std::uint64_t seed) {
  const auto placement = run_greedy(units.problem(), seed);
  if (!placement) return std::nullopt;
  std::vector<DeviceId> device_of;
  for (const UnitId unit : all_units(units)) {
    device_of.push_back((*placement)[units.operators(unit).front().index()]);
  }
  return device_of;
}

}  // namespace

std::optional<model::Placement> run_local_search(const model::Problem& problem,
                                                 std::uint64_t seed) {
  const cost::UnitGraph units(problem);
  base::Random random(seed);
  std::optional<model::Placement> best;
  Duration best_objective = Duration::max();
  for (int i = 0; i < kStarts; ++i) {
    auto start = i == 0 ? greedy_start(units, seed) : random_start(units, random);
    if (!start) continue;
    Descent descent(units, std::move(*start), random);
    const cost::IncrementalLoads& found = descent.run();
    if (found.objective() >= best_objective) continue;
    best_objective = found.objective();
    best = found.placement();
  }
  return best;
}

}  // namespace cleave::baselines
