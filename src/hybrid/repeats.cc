#include "cleave/hybrid/repeats.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

namespace cleave::hybrid {

namespace {

using base::Bytes;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Phase;

std::vector<OperatorId> forward_order(const Graph& graph) {
  std::vector<OperatorId> order;
  for (const OperatorId op : graph.topological_order()) {
    if (graph.phase(op) == Phase::forward) order.push_back(op);
  }
  return order;
}

// What makes operators alike.
std::vector<std::int64_t> signature(const Graph& graph, OperatorId op) {
  std::vector<std::int64_t> numbers{graph.memory(op).count(), graph.weights(op).count(),
                                    graph.stash(op).count()};
  for (const auto tensors : {graph.inputs(op), graph.outputs(op)}) {
    numbers.push_back(static_cast<std::int64_t>(tensors.size()));
    for (const TensorId tensor : tensors) {
      numbers.push_back(graph.bytes(tensor).value_or(Bytes(-1)).count());
    }
  }
  return numbers;
}

// [order]: equal numbers for operators that are alike.
std::vector<int> number_kinds(const Graph& graph, const std::vector<OperatorId>& order) {
  std::map<std::vector<std::int64_t>, int> numbers;
  std::vector<int> kinds;
  for (const OperatorId op : order) {
    const auto next = static_cast<int>(numbers.size());
    kinds.push_back(numbers.emplace(signature(graph, op), next).first->second);
  }
  return kinds;
}

// The longest stretch in which everything is like what comes a period later; with that period.
struct Stretch {
  std::size_t start = 0;
  std::size_t length = 0;
};
Stretch longest_stretch(const std::vector<int>& kinds, std::size_t period) {
  Stretch longest;
  std::size_t start = 0;
  for (std::size_t i = 0; i + period < kinds.size(); ++i) {
    if (kinds[i] != kinds[i + period]) {
      start = i + 1;
    } else if (i + 1 - start > longest.length) {
      longest = {start, i + 1 - start};
    }
  }
  if (longest.length > 0) longest.length += period;
  return longest;
}

// [order + 1]: bytes that flow from the operators before a position to those from it on.
// nullopt where one of the tensors has no size.
std::vector<std::optional<Bytes>> measure_cuts(const Graph& graph,
                                               const std::vector<OperatorId>& order) {
  std::vector<std::size_t> position(graph.num_operators());
  for (std::size_t i = 0; i < order.size(); ++i) position[order[i].index()] = i;
  std::vector<std::int64_t> bytes(order.size() + 2);
  std::vector<std::int64_t> unknown(order.size() + 2);
  for (const OperatorId op : order) {
    const std::size_t from = position[op.index()];
    for (const TensorId tensor : graph.outputs(op)) {
      std::size_t to = from;
      for (const OperatorId consumer : graph.consumers(tensor)) {
        if (graph.phase(consumer) == Phase::forward) {
          to = std::max(to, position[consumer.index()]);
        }
      }
      auto& changes = graph.bytes(tensor) ? bytes : unknown;
      const std::int64_t change = graph.bytes(tensor).value_or(Bytes(1)).count();
      changes[from + 1] += change;
      changes[to + 1] -= change;
    }
  }
  std::vector<std::optional<Bytes>> cuts;
  std::int64_t known_sum = 0;
  std::int64_t unknown_sum = 0;
  for (std::size_t i = 0; i <= order.size(); ++i) {
    known_sum += bytes[i];
    unknown_sum += unknown[i];
    cuts.push_back(unknown_sum == 0 ? std::optional(Bytes(known_sum)) : std::nullopt);
  }
  return cuts;
}

// The largest cut between two blocks.
std::optional<Bytes> border_of(const std::vector<std::optional<Bytes>>& cuts,
                               const Repeats& repeats) {
  Bytes border;
  for (std::size_t block = 1; block < repeats.count; ++block) {
    const auto& cut = cuts[repeats.start + block * repeats.period];
    if (!cut) return std::nullopt;
    border = std::max(border, *cut);
  }
  return border;
}

// Where in the stretch the blocks begin.
void set_start(const std::vector<std::optional<Bytes>>& cuts, const Stretch& stretch,
               Repeats& repeats) {
  repeats.count = stretch.length / repeats.period;
  std::optional<Bytes> least;
  std::size_t best = stretch.start;
  for (std::size_t shift = 0; shift <= stretch.length % repeats.period; ++shift) {
    repeats.start = stretch.start + shift;
    const auto border = border_of(cuts, repeats);
    if (!border || (least && *border >= *least)) continue;
    least = border;
    best = repeats.start;
  }
  repeats.start = best;
}

base::Error describe_fault(const Graph& graph, OperatorId op, std::string_view what) {
  return base::bad_input(fmt::format("operator '{}' {}", graph.id(op), what));
}

// The first forward operator of its group; itself where it is in none and runs forward.
OperatorId forward_member(const Graph& graph, OperatorId op) {
  const auto group = graph.group(op);
  if (!group) return graph.phase(op) == Phase::forward ? op : OperatorId();
  const auto members = graph.members(*group);
  const auto it = std::find_if(members.begin(), members.end(), [&](OperatorId member) {
    return graph.phase(member) == Phase::forward;
  });
  return it == members.end() ? OperatorId() : *it;
}

// Whether all times, and all bytes, can be added up at that size.
bool can_scale(const Graph& graph, std::size_t column, const Sizing& sizing) {
  double times = 0;
  double bytes = 0;
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const auto time = graph.time(OperatorId(v), column);
    times += static_cast<double>(time.value_or(Duration(0)).count());
    bytes += static_cast<double>(graph.stash(OperatorId(v)).count());
  }
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    bytes += static_cast<double>(graph.bytes(TensorId(x)).value_or(Bytes(0)).count());
  }
  const double factor =
      static_cast<double>(sizing.samples) / static_cast<double>(sizing.of_graph) + 1;
  return times * factor < static_cast<double>(base::kMaxDuration.count()) &&
         bytes * factor < static_cast<double>(Bytes::max().count());
}

bool states_weights(const Graph& graph) {
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    if (graph.weights(OperatorId(v)) > Bytes(0)) return true;
  }
  return false;
}

// What samples lengthen, rounded up.
std::int64_t scale(std::int64_t amount, const Sizing& sizing) {
  __extension__ using Wide = __int128;
  const Wide scaled =
      (static_cast<Wide>(amount) * sizing.samples + sizing.of_graph - 1) / sizing.of_graph;
  return static_cast<std::int64_t>(scaled);
}

constexpr std::size_t kMostSteps = 100'000'000;

}  // namespace

base::Result<Repeats> find_repeats(const Graph& graph) {
  Repeats repeats;
  repeats.order = forward_order(graph);
  const std::vector<int> kinds = number_kinds(graph, repeats.order);
  const std::size_t n = kinds.size();
  Stretch best;
  std::size_t covered = 0;
  for (std::size_t period = 1; period <= n / 2 && period * n <= kMostSteps; ++period) {
    const Stretch stretch = longest_stretch(kinds, period);
    const std::size_t whole = stretch.length / period * period;
    if (whole < 2 * period || whole <= covered) continue;
    covered = whole;
    best = stretch;
    repeats.period = period;
  }
  if (2 * covered < n || covered == 0) {
    return base::bad_input(fmt::format(
        "the model has no repeated blocks: the longest repetition covers {} of {} forward "
        "operators, and at least half are needed",
        covered, n));
  }
  set_start(measure_cuts(graph, repeats.order), best, repeats);
  return repeats;
}

base::Result<std::vector<std::size_t>> pieces_of(const Graph& graph, const Repeats& repeats) {
  std::vector<std::size_t> pieces(graph.num_operators());
  for (std::size_t i = 0; i < repeats.order.size(); ++i) {
    pieces[repeats.order[i].index()] = i < repeats.start ? 0
                                       : i >= repeats.end()
                                           ? repeats.count + 1
                                           : 1 + (i - repeats.start) / repeats.period;
  }
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const OperatorId op(v);
    const OperatorId leader = forward_member(graph, op);
    if (!leader.valid()) {
      return describe_fault(graph, op,
                            "runs backward and is in no group with a forward operator, so that "
                            "the block it belongs to is not known");
    }
    if (graph.phase(op) == Phase::backward) {
      pieces[v] = pieces[leader.index()];
    } else if (pieces[v] != pieces[leader.index()]) {
      return describe_fault(
          graph, op, fmt::format("shares a device with '{}' of another block", graph.id(leader)));
    }
  }
  return pieces;
}

base::Result<BlockModel> describe(const Graph& graph, const Repeats& repeats, std::size_t column,
                                  const Sizing& sizing) {
  if (!graph.has_backward()) {
    return base::bad_input("the graph has no backward operators, so there is no training to plan");
  }
  if (!can_scale(graph, column, sizing)) {
    return base::bad_input(
        fmt::format("the graph is for micro-batches of {}; at {}, times or bytes are too large to "
                    "be added up",
                    sizing.of_graph, sizing.samples));
  }
  if (!states_weights(graph)) {
    return base::bad_input(
        "no operator states its weights, so what replicas synchronise is not known; give "
        "weight_bytes, or make the training graph from the forward graph");
  }
  const auto pieces = pieces_of(graph, repeats);
  if (!pieces) return pieces.error();
  std::vector<Piece> all(repeats.count + 2);
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const OperatorId op(v);
    const auto time = graph.time(op, column);
    if (!time) {
      return describe_fault(graph, op,
                            fmt::format("cannot run on '{}'", graph.time_columns()[column]));
    }
    const bool forward = graph.phase(op) == Phase::forward;
    const Duration none(0);
    const Duration fixed = std::min(*time, sizing.launch);
    const Duration scaled = fixed + Duration(scale((*time - fixed).count(), sizing));
    all[(*pieces)[v]] +=
        {forward ? scaled : none, forward ? none : scaled, graph.weights(op),
         graph.memory(op) - graph.weights(op), Bytes(scale(graph.stash(op).count(), sizing))};
  }
  const auto border = border_of(measure_cuts(graph, repeats.order), repeats);
  if (!border) {
    return base::bad_input("a tensor that flows from one block to the next has no size in bytes");
  }
  BlockModel model;
  model.samples = sizing.samples;
  model.first = all.front();
  model.last = all.back();
  model.blocks.assign(all.begin() + 1, all.end() - 1);
  model.border = Bytes(scale(border->count(), sizing));
  return model;
}

}  // namespace cleave::hybrid
