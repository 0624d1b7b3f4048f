#include "throughput/growing_stage.h"

#include <algorithm>

namespace cleave::throughput {

using base::Bytes;
using base::Duration;
using model::KindId;
using model::OperatorId;
using model::Phase;
using model::Problem;
using model::TensorId;
using reduce::Contracted;
using reduce::Node;

GrowingStage::GrowingStage(const Problem& problem, const Contracted& graph)
    : graph_(graph),
      num_kinds_(graph.num_kinds),
      produced_(graph.num_nodes),
      consumed_(graph.num_nodes),
      node_bytes_(graph.num_nodes),
      node_times_(graph.num_nodes * graph.num_kinds),
      is_inside_(graph.num_nodes, false),
      excluded_(graph.num_kinds, 0),
      kinds_(graph.num_kinds) {
  const model::Graph& g = problem.graph();
  std::vector<Node> node_of(g.num_operators());
  for (Node v = 0; v < graph.num_nodes; ++v) {
    for (const OperatorId op : graph.members[v]) {
      node_of[op.index()] = v;
      node_bytes_[v].resident += g.memory(op);
      node_bytes_[v].weights += g.weights(op);
      node_bytes_[v].stash += g.stash(op);
      for (std::size_t k = 0; k < num_kinds_; ++k) {
        const auto time = problem.time(op, problem.kind(KindId(k)).device_class);
        node_times_[v * num_kinds_ + k][static_cast<std::size_t>(g.phase(op))] +=
            time.value_or(Duration::zero());
      }
    }
  }
  for (std::size_t x = 0; x < g.num_tensors(); ++x) {
    const TensorId id(x);
    const Node producer = node_of[g.producer(id).index()];
    std::vector<Node> others;
    for (const OperatorId consumer : g.consumers(id)) {
      if (node_of[consumer.index()] != producer) others.push_back(node_of[consumer.index()]);
    }
    std::sort(others.begin(), others.end());
    others.erase(std::unique(others.begin(), others.end()), others.end());
    if (others.empty()) continue;
    const auto t = static_cast<std::uint32_t>(tensors_.size());
    tensors_.push_back({producer, static_cast<std::uint32_t>(others.size()),
                        g.phase(g.producer(id)) == Phase::forward,
                        g.bytes(id).value_or(Bytes(0)).count(), prices_.size()});
    for (std::size_t k = 0; k < num_kinds_; ++k) {
      const auto c = problem.kind(KindId(k)).device_class;
      prices_.push_back(problem.transfer(id, c));
      prices_.push_back(problem.transfer_in_server(id, c));
    }
    produced_[producer].push_back(t);
    for (const Node v : others) consumed_[v].push_back(t);
  }
  consumers_in_.assign(tensors_.size(), 0);
}

void GrowingStage::push(Node v) {
  inside_.push_back(v);
  add(v, 1);
  for (const std::uint32_t t : produced_[v]) touch_produced(tensors_[t], consumers_in_[t], 1);
  is_inside_[v] = true;
  for (const std::uint32_t t : consumed_[v]) touch_consumed(tensors_[t], consumers_in_[t]++, 1);
}

// Every step of push() in reverse, with the counts that it saw.
void GrowingStage::pop() {
  const Node v = inside_.back();
  inside_.pop_back();
  for (const std::uint32_t t : consumed_[v]) touch_consumed(tensors_[t], --consumers_in_[t], -1);
  is_inside_[v] = false;
  for (const std::uint32_t t : produced_[v]) touch_produced(tensors_[t], consumers_in_[t], -1);
  add(v, -1);
}

void GrowingStage::add(Node v, std::int64_t sign) {
  const auto change = [&](Bytes& sum, Bytes by) { sum += Bytes(sign * by.count()); };
  change(bytes_.resident, node_bytes_[v].resident);
  change(bytes_.weights, node_bytes_[v].weights);
  change(bytes_.stash, node_bytes_[v].stash);
  for (std::size_t k = 0; k < num_kinds_; ++k) {
    const auto& times = node_times_[v * num_kinds_ + k];
    for (std::size_t p = 0; p < 2; ++p) kinds_[k].compute[p] += sign * times[p];
    if (!graph_.is_allowed(v, k)) excluded_[k] += sign > 0 ? 1U : ~0U;
  }
}

void GrowingStage::book(const Tensor& tensor, Flow flow, std::int64_t sign) {
  for (std::size_t k = 0; k < num_kinds_; ++k) {
    for (std::size_t inside = 0; inside < 2; ++inside) {
      kinds_[k].flows[flow][inside] += sign * prices_[tensor.prices + 2 * k + inside];
    }
  }
  if (flow == forward_in) bytes_.inputs += Bytes(sign * tensor.bytes);
}

// The producer joins. Consumers of a forward tensor come later; those of a backward one are there.
void GrowingStage::touch_produced(const Tensor& tensor, std::uint32_t consumers_in,
                                  std::int64_t sign) {
  if (tensor.forward) return book(tensor, forward_out, sign);
  if (consumers_in > 0) book(tensor, backward_in, -sign);
  if (consumers_in < tensor.others) book(tensor, backward_out, sign);
}

// A consumer joins those inside. Producers of forward tensors came earlier, of backward ones later.
void GrowingStage::touch_consumed(const Tensor& tensor, std::uint32_t consumers_in,
                                  std::int64_t sign) {
  if (!tensor.forward) {
    if (consumers_in == 0) book(tensor, backward_in, sign);
  } else if (!is_inside_[tensor.producer]) {
    if (consumers_in == 0) book(tensor, forward_in, sign);
  } else if (consumers_in + 1 == tensor.others) {
    book(tensor, forward_out, -sign);
  }
}

cost::DeviceSums GrowingStage::sums(std::size_t kind, Borders inside, bool recompute) const {
  const PerKind& k = kinds_[kind];
  cost::DeviceSums sums;
  sums[0] = {k.flows[forward_in][inside.before], k.compute[0], k.flows[forward_out][inside.after]};
  sums[1] = {k.flows[backward_in][inside.after], k.compute[1],
             k.flows[backward_out][inside.before]};
  if (recompute) sums[1].compute += k.compute[0];
  return sums;
}

}  // namespace cleave::throughput
