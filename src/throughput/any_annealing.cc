#include "throughput/any_annealing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "cleave/base/random.h"
#include "cleave/cost/incremental.h"

namespace cleave::throughput {
namespace {

using base::DeviceId;
using base::Duration;
using cost::HyperedgeId;
using cost::UnitId;

constexpr double kColdest = 1e-6;     // last temperature, as a share of the objective
constexpr double kMemoryPrice = 2.0;  // of needing twice the memory there is
constexpr double kClusterChance = 0.3;
constexpr double kSwapChance = 0.15;
constexpr std::uint64_t kMovesPerLook = 1024;  // at the clock; sums are renewed as well
constexpr std::size_t kMaxLogCluster = 6;      // clusters of up to 2^6 units, or whole pieces

double sixteenth_power(double x) {
  x *= x;
  x *= x;
  x *= x;
  return x * x;
}
double sixteenth_root(double x) { return std::sqrt(std::sqrt(std::sqrt(std::sqrt(x)))); }

class Annealing {
 public:
  Annealing(const cost::UnitGraph& units, const AnnealingRun& run, const base::Deadline& deadline)
      : units_(units),
        problem_(units.problem()),
        run_(run),
        deadline_(deadline),
        random_(run.seed),
        loads_(units, run.start ? run.start->device_of : random_devices()),
        terms_(problem_.machine().num_devices()),
        seen_(units.size(), 0) {
    scale_ = std::max(1.0, static_cast<double>(loads_.objective().count()));
    renew_sums();
    record();
  }

  AnnealingResult run() {
    double temperature = run_.warmth;
    const double cooling = std::pow(
        kColdest / run_.warmth, static_cast<double>(kMovesPerLook) /
                                    static_cast<double>(std::max<std::uint64_t>(1, run_.moves)));
    std::uint64_t done = 0;
    for (; done < run_.moves; ++done) {
      if (done % kMovesPerLook == kMovesPerLook - 1) {
        if (deadline_.reached()) break;
        temperature *= cooling;
        renew_sums();
      }
      propose();
      if (!moves_.empty()) decide(temperature);
    }
    return {std::move(best_), done};
  }

 private:
  // What a device adds to the guide.
  struct Term {
    std::array<double, 2> power{0, 0};  // [1] for gpipe's backward phase only
    double overflow = 0;
  };

  std::vector<DeviceId> random_devices() {
    std::vector<DeviceId> devices;
    for (std::size_t u = 0; u < units_.size(); ++u) devices.push_back(random_device(UnitId(u)));
    return devices;
  }

  // Every unit has at least one device: contract_groups() has seen to it.
  DeviceId random_device(UnitId unit) {
    for (;;) {
      const DeviceId device(
          static_cast<std::size_t>(random_.below(problem_.machine().num_devices())));
      if (allowed(unit, device)) return device;
    }
  }

  [[nodiscard]] bool allowed(UnitId unit, DeviceId device) const {
    return units_.allowed(unit, problem_.kind_of(device));
  }

  [[nodiscard]] Term term_of(DeviceId device) const {
    const model::DeviceLoad& load = loads_.load(device);
    const auto power = [&](Duration time) {
      return sixteenth_power(static_cast<double>(time.count()) / scale_);
    };
    Term term;
    if (problem_.schedule() == model::Schedule::gpipe) {
      term.power = {power(load.forward), power(load.backward)};
    } else {
      term.power[0] = power(load.load);
    }
    const auto limit = problem_.memory(problem_.machine().class_of(device));
    if (limit && load.memory > *limit) {
      term.overflow = static_cast<double>((load.memory - *limit).count()) /
                      static_cast<double>(std::max<std::int64_t>(1, limit->count()));
    }
    return term;
  }

  void renew_term(DeviceId device) {
    Term& term = terms_[device.index()];
    const Term now = term_of(device);
    for (std::size_t p = 0; p < 2; ++p) sums_.power[p] += now.power[p] - term.power[p];
    sums_.overflow += now.overflow - term.overflow;
    term = now;
  }

  // From nothing, so that rounding errors do not add up.
  void renew_sums() {
    std::fill(terms_.begin(), terms_.end(), Term{});
    sums_ = Term{};
    for (std::size_t d = 0; d < terms_.size(); ++d) renew_term(DeviceId(d));
    guide_ = guide();
  }

  [[nodiscard]] double guide() const {
    return sixteenth_root(std::max(0.0, sums_.power[0])) +
           sixteenth_root(std::max(0.0, sums_.power[1])) +
           kMemoryPrice * std::max(0.0, sums_.overflow);
  }

  void propose() {
    moves_.clear();
    const UnitId unit(static_cast<std::size_t>(random_.below(units_.size())));
    const double kind = random_.unit();
    if (kind < kSwapChance) {
      propose_swap(unit);
    } else if (kind < kSwapChance + kClusterChance) {
      propose_cluster(unit);
    } else {
      add_move(unit, target_for(unit));
    }
  }

  void add_move(UnitId unit, DeviceId to) {
    if (to != loads_.device(unit) && allowed(unit, to)) moves_.emplace_back(unit, to);
  }

  // A neighbour's device as often as any.
  DeviceId target_for(UnitId unit) {
    const auto edges = units_.hyperedges(unit);
    if (!edges.empty() && random_.chance(0.5)) {
      const auto pins = units_.pins(edges[random_.below(edges.size())]);
      return loads_.device(pins[random_.below(pins.size())]);
    }
    return DeviceId(static_cast<std::size_t>(random_.below(terms_.size())));
  }

  void propose_swap(UnitId unit) {
    const UnitId partner(static_cast<std::size_t>(random_.below(units_.size())));
    add_move(unit, loads_.device(partner));
    add_move(partner, loads_.device(unit));
  }

  // Units around one, breadth first: of its device, or wherever they are.
  void propose_cluster(UnitId unit) {
    const DeviceId from = loads_.device(unit);
    const DeviceId to = target_for(unit);
    const bool stay_inside = random_.chance(0.7);
    const std::size_t log_size = 1 + static_cast<std::size_t>(random_.below(kMaxLogCluster + 1));
    const std::size_t size =
        log_size > kMaxLogCluster
            ? units_.size()
            : 1 + static_cast<std::size_t>(random_.below(std::uint64_t{1} << log_size));
    const std::size_t most = stay_inside ? size : std::min(size, std::size_t{1} << kMaxLogCluster);
    ++stamp_;
    queue_.assign(1, unit);
    seen_[unit.index()] = stamp_;
    for (std::size_t head = 0; head < queue_.size() && queue_.size() < most; ++head) {
      for (const HyperedgeId edge : units_.hyperedges(queue_[head])) {
        for (const UnitId pin : units_.pins(edge)) {
          if (seen_[pin.index()] == stamp_ || queue_.size() == most) continue;
          if (stay_inside && loads_.device(pin) != from) continue;
          seen_[pin.index()] = stamp_;
          queue_.push_back(pin);
        }
      }
    }
    for (const UnitId member : queue_) add_move(member, to);
  }

  void decide(double temperature) {
    touched_.clear();
    for (auto& [unit, device] : moves_) {
      touched_.push_back(device);
      device = loads_.move(unit, device);
      touched_.push_back(device);
    }
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
    for (const DeviceId device : touched_) renew_term(device);
    const double before = std::exchange(guide_, guide());
    const double worse = guide_ - before;
    if (worse <= 0 || random_.unit() < std::exp(-worse / temperature)) {
      if (worse < 0) record();
      return;
    }
    for (auto it = moves_.rbegin(); it != moves_.rend(); ++it) loads_.move(it->first, it->second);
    for (const DeviceId device : touched_) renew_term(device);
    guide_ = before;
  }

  void record() {
    const Duration objective = loads_.objective();
    if (best_ && objective >= best_->objective) return;
    for (std::size_t d = 0; d < terms_.size(); ++d) {
      if (!loads_.fits(DeviceId(d))) return;
    }
    best_.emplace();
    best_->objective = objective;
    for (std::size_t u = 0; u < units_.size(); ++u) {
      best_->device_of.push_back(loads_.device(UnitId(u)));
    }
  }

  const cost::UnitGraph& units_;
  const model::Problem& problem_;
  const AnnealingRun& run_;
  const base::Deadline& deadline_;
  base::Random random_;
  cost::IncrementalLoads loads_;
  double scale_ = 1;
  std::vector<Term> terms_;  // [devices]
  Term sums_;
  double guide_ = 0;
  std::optional<Assignment> best_;
  std::vector<std::pair<UnitId, DeviceId>> moves_;
  std::vector<DeviceId> touched_;
  std::vector<UnitId> queue_;
  std::vector<std::uint64_t> seen_;  // [units]: stamp of the cluster that saw it last
  std::uint64_t stamp_ = 0;
};

}  // namespace

AnnealingResult anneal(const cost::UnitGraph& units, const AnnealingRun& run,
                       const base::Deadline& deadline) {
  return Annealing(units, run, deadline).run();
}

}  // namespace cleave::throughput
