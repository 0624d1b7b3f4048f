#include "throughput/any_program.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "cleave/cost/loads.h"

namespace cleave::throughput {
namespace {

using program::Program;
using reduce::Amount;
using reduce::Contracted;
using reduce::Node;
using Entries = std::vector<Program::Entry>;

// Places of nodes, and of pins on devices that pay for their edges. Beyond, a minute's tree seldom
// raises the bound above that of covers (docs/algorithms/integer-program.md).
constexpr std::size_t kLargestProgram = 600;
constexpr std::size_t kLinesPerState = 16;

Amount heaviness(const Contracted& graph, Node v) {
  Amount most = 0;
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    Amount time = 0;
    for (std::size_t p = 0; p < graph.phases; ++p) time += graph.time(v, q, p);
    most = std::max(most, time);
  }
  return most;
}

// Above every device's load, whatever is placed where.
Amount largest_load(const Contracted& graph) {
  Amount sum = 0;
  for (Node v = 0; v < graph.num_nodes; ++v) sum += heaviness(graph, v);
  for (const auto& row : graph.weights) sum += std::accumulate(row.begin(), row.end(), Amount{0});
  return sum;
}

void append(Entries& entries, const Entries& others, Amount factor) {
  for (const auto& [column, a] : others) entries.push_back({column, factor * a});
}

// Columns may come up several times.
Entries merged(Entries entries) {
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.column < b.column; });
  Entries sums;
  for (const auto& [column, a] : entries) {
    if (sums.empty() || sums.back().column != column) sums.push_back({column, 0});
    sums.back().coefficient += a;
  }
  return sums;
}

}  // namespace

std::unique_ptr<PlacementProgram> PlacementProgram::create(const model::Problem& problem,
                                                           const Contracted& graph, Amount below,
                                                           Amount bound) {
  std::size_t paying = 0;
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    if (graph.kind_weights[q] >= 0) paying += graph.kind_count[q];
  }
  const std::size_t places = graph.num_nodes * problem.machine().num_devices();
  if (places + graph.pins.size() * paying > kLargestProgram) return nullptr;
  auto solver = program::make_linear_solver();
  if (!solver) return nullptr;
  std::unique_ptr<PlacementProgram> result(new PlacementProgram(problem, graph, below, bound));
  result->search_ = std::make_unique<program::TreeSearch>(
      result->program_, std::move(solver), below,
      [self = result.get()](std::span<const double> values) { return self->visit(values); });
  return result;
}

PlacementProgram::PlacementProgram(const model::Problem& problem, const Contracted& graph,
                                   Amount below, Amount bound)
    : problem_(problem),
      graph_(graph),
      num_devices_(problem.machine().num_devices()),
      best_(below) {
  add_objective(bound);
  add_places();
  for (std::uint32_t d = 0; d < num_devices_; ++d) add_device(d);
}

// One column for the largest load of each phase.
void PlacementProgram::add_objective(Amount bound) {
  const Amount most = std::min(best_, largest_load(graph_));
  const Amount least = std::min(bound, most);
  Program::Row total{least, Program::kNoUpper, {}};
  for (std::size_t p = 0; p < graph_.phases; ++p) {
    const Amount own_least = graph_.phases == 1 ? least : 0;
    objective_.push_back(
        program_.add_column({own_least, most, 1, static_cast<double>(std::max<Amount>(1, most))}));
    total.entries.push_back({objective_.back(), 1});
  }
  if (graph_.phases > 1) program_.add_row(std::move(total));
}

std::vector<Node> PlacementProgram::heaviest_first() const {
  std::vector<Node> order(graph_.num_nodes);
  std::iota(order.begin(), order.end(), Node{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Node a, Node b) { return heaviness(graph_, a) > heaviness(graph_, b); });
  return order;
}

// Devices of a kind are alike: number them by the first node in the order that they hold. Then the
// i-th node that may be on the kind is on one of its devices 0 … i.
void PlacementProgram::add_places() {
  places_.assign(graph_.num_nodes * num_devices_, kAbsent);
  std::vector<std::uint32_t> met(graph_.num_kinds, 0);
  for (const Node v : heaviest_first()) {
    std::vector<std::uint32_t> columns;
    double room = 0;
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
      if (!graph_.is_allowed(v, q) || graph_.memory[v] > graph_.kind_memory[q]) continue;
      const auto& devices = problem_.kind(base::KindId(q)).devices;
      for (std::size_t i = 0; i < devices.size() && i <= met[q]; ++i) {
        columns.push_back(program_.add_column({}));
        places_[v * num_devices_ + devices[i].index()] = columns.back();
      }
      ++met[q];
      room = std::max(room, static_cast<double>(graph_.kind_memory[q]));
    }
    const double priority = static_cast<double>(heaviness(graph_, v)) /
                                static_cast<double>(std::max<Amount>(1, best_)) +
                            static_cast<double>(graph_.memory[v]) / std::max(1.0, room);
    program_.add_choice(std::move(columns), priority);
  }
}

void PlacementProgram::add_device(std::uint32_t device) {
  const std::size_t kind = problem_.kind_of(base::DeviceId(std::size_t{device})).index();
  std::vector<Terms> terms(graph_.phases);
  Program::Row memory{Program::kNoLower, graph_.kind_memory[kind], {}};
  for (Node v = 0; v < graph_.num_nodes; ++v) {
    const std::uint32_t x = place(v, device);
    if (x == kAbsent) continue;
    memory.entries.push_back({x, graph_.memory[v]});
    for (std::size_t p = 0; p < graph_.phases; ++p) {
      terms[p].compute.push_back({x, graph_.time(v, kind, p)});
    }
  }
  if (graph_.kind_memory[kind] != Contracted::kUnlimited) program_.add_row(std::move(memory));
  for (std::uint32_t e = 0; e < graph_.edges.size(); ++e) {
    const Amount weight = graph_.weight(kind, e);
    if (weight > 0) add_transfer(e, device, weight, terms[graph_.edges[e].phase]);
  }
  for (std::size_t p = 0; p < graph_.phases; ++p) bound_load(terms[p], objective_[p]);
}

// What the edge adds to the device's transfers: a device that holds the producer moves it out if it
// lacks a consumer, and one that lacks the producer moves it in if it holds a consumer.
void PlacementProgram::add_transfer(std::uint32_t edge, std::uint32_t device, Amount weight,
                                    Terms& terms) {
  const std::uint32_t producer = place(graph_.edges[edge].producer, device);
  std::vector<std::uint32_t> consumers;
  for (const Node pin : graph_.pins_of(edge)) {
    if (pin == graph_.edges[edge].producer) continue;
    if (place(pin, device) != kAbsent) consumers.push_back(place(pin, device));
  }
  const bool all = consumers.size() + 1 == graph_.edges[edge].num_pins;
  if (!consumers.empty()) {
    const std::uint32_t in = program_.add_column({});
    for (const std::uint32_t consumer : consumers) add_difference(in, consumer, producer);
    terms.in.push_back({in, weight});
    if (producer != kAbsent && all && consumers.size() == 1) {
      // Of the two, in − out is the difference itself: no second column is needed.
      terms.out.insert(terms.out.end(),
                       {{in, weight}, {producer, weight}, {consumers[0], -weight}});
      return;
    }
  }
  if (producer == kAbsent) return;
  if (!all) {
    terms.out.push_back({producer, weight});
    return;
  }
  const std::uint32_t out = program_.add_column({});
  for (const std::uint32_t consumer : consumers) add_difference(out, producer, consumer);
  terms.out.push_back({out, weight});
}

// column ≥ held − other, in which what is absent is 0.
void PlacementProgram::add_difference(std::uint32_t column, std::uint32_t held,
                                      std::uint32_t other) {
  Program::Row row{0, Program::kNoUpper, {{column, 1}, {held, -1}}};
  if (other != kAbsent) row.entries.push_back({other, 1});
  program_.add_row(std::move(row));
}

// The largest load of the phase is at least each part that the transfer model lets run alone.
void PlacementProgram::bound_load(const Terms& terms, std::uint32_t largest) {
  const auto at_least = [&](std::initializer_list<const Entries*> parts) {
    Entries sum{{largest, 1}};
    for (const Entries* part : parts) append(sum, *part, -1);
    program_.add_row({0, Program::kNoUpper, merged(std::move(sum))});
  };
  switch (graph_.transfers) {
    case model::Transfers::serial:
      return at_least({&terms.in, &terms.compute, &terms.out});
    case model::Transfers::half_duplex:
      at_least({&terms.in, &terms.out});
      return at_least({&terms.compute});
    case model::Transfers::full_duplex:
      at_least({&terms.in});
      at_least({&terms.out});
      return at_least({&terms.compute});
  }
}

// Every node to the device that has most of it.
Amount PlacementProgram::visit(std::span<const double> values) {
  model::Placement placement(problem_.graph().num_operators());
  for (Node v = 0; v < graph_.num_nodes; ++v) {
    base::DeviceId device;
    double most = -1;
    for (std::uint32_t d = 0; d < num_devices_; ++d) {
      const std::uint32_t x = place(v, d);
      if (x == kAbsent || values[x] <= most) continue;
      most = values[x];
      device = base::DeviceId(std::size_t{d});
    }
    for (const base::OperatorId op : graph_.members[v]) placement[op.index()] = device;
  }
  const cost::Evaluation evaluation = cost::evaluate(problem_, placement);
  if (evaluation.fits && evaluation.objective.count() < best_) {
    best_ = evaluation.objective.count();
    placement_ = std::move(placement);
  }
  return best_;
}

program::TreeSearch::Outcome PlacementProgram::run(std::uint64_t max_states, std::uint64_t& states,
                                                   const base::Deadline& deadline) {
  const std::uint64_t cost =
      1 + (program_.rows().size() + program_.columns().size()) / kLinesPerState;
  const std::uint64_t left = max_states - std::min(max_states, states);
  std::uint64_t iterations = 0;
  const auto outcome = search_->run(std::max<std::uint64_t>(1, left / cost), iterations, deadline);
  states += iterations * cost;
  return outcome;
}

void PlacementProgram::improve(Amount objective) {
  best_ = std::min(best_, objective);
  search_->improve(objective);
}

}  // namespace cleave::throughput
