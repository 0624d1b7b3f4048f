// scotch.h uses FILE and fixed-width integers without including their headers.
#include <cstdint>
#include <cstdio>
//
#include <scotch.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "baselines/accelerators.h"
#include "baselines/runs.h"
#include "cleave/cost/unit_graph.h"

// What libscotch calls to report an error. The library never prints, so neither does Scotch under
// it; failures come back as return values. Weak: a program with handlers of its own keeps them.
extern "C" {
[[gnu::weak]] void SCOTCH_errorProg(const char*) {}
[[gnu::weak]] void SCOTCH_errorPrint(const char*, ...) {}
[[gnu::weak]] void SCOTCH_errorPrintW(const char*, ...) {}
}

namespace cleave::baselines {

using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::KindId;
using base::OperatorId;
using cost::HyperedgeId;
using cost::UnitId;

namespace {

// An object of the Scotch library, from init to exit.
template <class T, auto init, auto exit>
class Owned {
 public:
  Owned() : valid_(init(&value_) == 0) {}
  ~Owned() {
    if (valid_) exit(&value_);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] T* get() { return &value_; }

 private:
  T value_;
  bool valid_;
};
using Context = Owned<SCOTCH_Context, SCOTCH_contextInit, SCOTCH_contextExit>;
using ScotchGraph = Owned<SCOTCH_Graph, SCOTCH_graphInit, SCOTCH_graphExit>;
using Strategy = Owned<SCOTCH_Strat, SCOTCH_stratInit, SCOTCH_stratExit>;
using Architecture = Owned<SCOTCH_Arch, SCOTCH_archInit, SCOTCH_archExit>;

// Scotch adds weights up in 32 bits, so all of a kind together stay well below 2^31.
constexpr double kTotalWeight = 1 << 24;

std::vector<SCOTCH_Num> scale(const std::vector<double>& weights) {
  double total = 0;
  for (const double weight : weights) total += weight;
  const double factor = total > 0 ? kTotalWeight / total : 0;
  std::vector<SCOTCH_Num> scaled;
  scaled.reserve(weights.size());
  for (const double weight : weights) {
    scaled.push_back(std::max(1, static_cast<SCOTCH_Num>(std::llround(weight * factor))));
  }
  return scaled;
}

double compute_ms(const cost::UnitGraph& units, UnitId unit, ClassId c) {
  const auto& [forward, backward] = units.compute(unit, c);
  return base::to_ms(forward + backward);
}

// The units as an undirected graph: a star around the producer for each tensor, vertices weighted
// by time and edges by transfer time on the first accelerator's class.
struct Arrays {
  std::vector<SCOTCH_Num> vertex_begin, vertex_weights;
  std::vector<SCOTCH_Num> edge_targets, edge_weights;
};

std::optional<Arrays> arrays_of(const cost::UnitGraph& units, ClassId device_class) {
  std::vector<std::map<std::size_t, double>> neighbours(units.size());
  std::size_t edges = 0;
  const auto connect = [&](UnitId from, UnitId to, double weight) {
    const auto [entry, is_new] = neighbours[from.index()].try_emplace(to.index(), 0.0);
    entry->second += weight;
    edges += is_new ? 1 : 0;
  };
  for (std::size_t e = 0; e < units.num_hyperedges(); ++e) {
    const auto pins = units.pins(HyperedgeId(e));
    const double weight = base::to_ms(units.transfer(HyperedgeId(e), device_class));
    for (const UnitId consumer : pins.subspan(1)) {
      connect(pins.front(), consumer, weight);
      connect(consumer, pins.front(), weight);
    }
  }
  if (std::max(edges, units.size()) > static_cast<std::size_t>(kTotalWeight)) return std::nullopt;

  Arrays arrays;
  std::vector<double> vertex_weights, edge_weights;
  arrays.vertex_begin.push_back(0);
  for (std::size_t u = 0; u < units.size(); ++u) {
    vertex_weights.push_back(compute_ms(units, UnitId(u), device_class));
    for (const auto& [target, weight] : neighbours[u]) {
      arrays.edge_targets.push_back(static_cast<SCOTCH_Num>(target));
      edge_weights.push_back(weight);
    }
    arrays.vertex_begin.push_back(static_cast<SCOTCH_Num>(arrays.edge_targets.size()));
  }
  arrays.vertex_weights = scale(vertex_weights);
  arrays.edge_weights = scale(edge_weights);
  return arrays;
}

// The speed of each device on what all of them support, in thousandths of the fastest one's.
std::vector<SCOTCH_Num> speeds(const model::Problem& problem, std::span<const DeviceId> devices) {
  const model::Machine& machine = problem.machine();
  std::vector<double> time(machine.num_classes(), 0);
  for (std::size_t v = 0; v < problem.graph().num_operators(); ++v) {
    const OperatorId op(v);
    const bool everywhere = std::all_of(devices.begin(), devices.end(), [&](DeviceId device) {
      return problem.time(op, machine.class_of(device)).has_value();
    });
    if (!everywhere) continue;
    for (std::size_t c = 0; c < time.size(); ++c) {
      time[c] += base::to_ms(problem.time(op, ClassId(c)).value_or(Duration::zero()));
    }
  }
  const auto time_on = [&](DeviceId device) { return time[machine.class_of(device).index()]; };
  double fastest = time_on(devices.front());
  for (const DeviceId device : devices) fastest = std::min(fastest, time_on(device));
  std::vector<SCOTCH_Num> result;
  for (const DeviceId device : devices) {
    const double speed = fastest > 0 ? fastest / time_on(device) : 1.0;
    result.push_back(std::max(1, static_cast<SCOTCH_Num>(std::lround(1000 * speed))));
  }
  return result;
}

bool build_architecture(Architecture& target, const std::vector<SCOTCH_Num>& speeds) {
  const auto parts = static_cast<SCOTCH_Num>(speeds.size());
  const bool alike = std::count(speeds.begin(), speeds.end(), speeds.front()) == parts;
  return 0 == (alike ? SCOTCH_archCmplt(target.get(), parts)
                     : SCOTCH_archCmpltw(target.get(), parts, speeds.data()));
}

// A part for each vertex. A context of its own, with one thread, keeps Scotch deterministic and
// away from its global random state.
std::optional<std::vector<SCOTCH_Num>> map_graph(const Arrays& arrays,
                                                 const std::vector<SCOTCH_Num>& speeds,
                                                 std::uint64_t seed) {
  Context context;
  ScotchGraph graph, bound;
  Strategy strategy;
  Architecture target;
  if (!context.valid() || !graph.valid() || !bound.valid() || !strategy.valid() ||
      !target.valid()) {
    return std::nullopt;
  }
  const auto vertices = static_cast<SCOTCH_Num>(arrays.vertex_weights.size());
  const auto edges = static_cast<SCOTCH_Num>(arrays.edge_targets.size());
  std::vector<SCOTCH_Num> parts(arrays.vertex_weights.size());
  SCOTCH_contextOptionSetNum(context.get(), SCOTCH_OPTIONNUMDETERMINISTIC, 1);
  const bool mapped =
      SCOTCH_contextThreadSpawn(context.get(), 1, nullptr) == 0 &&
      SCOTCH_contextRandomClone(context.get()) == 0 &&
      SCOTCH_graphBuild(graph.get(), 0, vertices, arrays.vertex_begin.data(), nullptr,
                        arrays.vertex_weights.data(), nullptr, edges, arrays.edge_targets.data(),
                        arrays.edge_weights.data()) == 0 &&
      build_architecture(target, speeds) &&
      (SCOTCH_contextRandomSeed(context.get(), static_cast<SCOTCH_Num>(seed % SCOTCH_NUMMAX)),
       SCOTCH_contextRandomReset(context.get()),
       SCOTCH_contextBindGraph(context.get(), graph.get(), bound.get()) == 0) &&
      SCOTCH_graphMap(bound.get(), target.get(), strategy.get(), parts.data()) == 0;
  return mapped ? std::optional(std::move(parts)) : std::nullopt;
}

// The allowed device that computes the unit fastest.
std::optional<DeviceId> fastest_device(const cost::UnitGraph& units, UnitId unit) {
  const model::Problem& problem = units.problem();
  std::optional<DeviceId> best;
  double best_time = 0;
  for (std::size_t k = 0; k < problem.num_kinds(); ++k) {
    if (!units.allowed(unit, KindId(k))) continue;
    const model::Kind& kind = problem.kind(KindId(k));
    const double time = compute_ms(units, unit, kind.device_class);
    if (best && time >= best_time) continue;
    best = kind.devices.front();
    best_time = time;
  }
  return best;
}

}  // namespace

// Units where Scotch puts them, but for those that are not allowed there.
std::optional<model::Placement> run_scotch(const model::Problem& problem, std::uint64_t seed) {
  const cost::UnitGraph units(problem);
  const std::vector<DeviceId> devices = accelerators(problem.machine());
  const auto arrays = arrays_of(units, problem.machine().class_of(devices.front()));
  if (!arrays) return std::nullopt;
  const auto parts = map_graph(*arrays, speeds(problem, devices), seed);
  if (!parts) return std::nullopt;
  std::vector<DeviceId> device_of;
  for (std::size_t u = 0; u < units.size(); ++u) {
    std::optional<DeviceId> device = devices[static_cast<std::size_t>((*parts)[u])];
    if (!units.allowed(UnitId(u), problem.kind_of(*device))) {
      device = fastest_device(units, UnitId(u));
    }
    if (!device) return std::nullopt;
    device_of.push_back(*device);
  }
  return units.expand(device_of);
}

}  // namespace cleave::baselines
