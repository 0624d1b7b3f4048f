#include "cleave/training/derive.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace cleave::training {

using base::Bytes;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::GraphBuilder;
using model::OperatorSpec;
using model::Phase;

namespace {

// Bytes of gradients and of the optimizer's state, for each byte of weights.
std::int64_t state_factor(const Options& options) {
  const std::int64_t moments = options.optimizer == Optimizer::sgd        ? 0
                               : options.optimizer == Optimizer::momentum ? 1
                                                                          : 2;
  constexpr std::int64_t kGradients = 1;
  if (options.precision == Precision::fp32) return kGradients + moments;
  constexpr std::int64_t kMaster = 2;  // single precision is twice as wide
  return kGradients + kMaster + 2 * moments;
}

std::string twin_id(const Graph& forward, OperatorId op) { return forward.id(op) + "/backward"; }

__extension__ using Wide = __int128;

// `amount` · factor / divisor, rounded up; nullopt above `limit`.
std::optional<std::int64_t> scale(std::int64_t amount, std::int64_t factor, std::int64_t divisor,
                                  std::int64_t limit) {
  const Wide scaled = (Wide(amount) * factor + divisor - 1) / divisor;
  if (scaled > limit) return std::nullopt;
  return static_cast<std::int64_t>(scaled);
}

class Derivation {
 public:
  Derivation(const Graph& forward, const Options& options)
      : forward_(forward), options_(options), builder_(forward.time_columns()) {}

  base::Result<Derived> run() && {
    builder_.reserve(2 * forward_.num_operators(),
                     forward_.num_operators() + forward_.num_tensors() + forward_.num_edges());
    for (std::size_t v = 0; v < forward_.num_operators(); ++v) add_forward(OperatorId(v));
    for (std::size_t v = 0; v < forward_.num_operators(); ++v) {
      if (auto added = add_backward(OperatorId(v)); !added) return added.error();
    }
    for (std::size_t v = 0; v < forward_.num_operators(); ++v) {
      builder_.add_tensor({OperatorId(v), {twin(OperatorId(v))}, Bytes(0), Duration::zero()});
    }
    for (std::size_t x = 0; x < forward_.num_tensors(); ++x) add_tensors(TensorId(x));
    auto graph = std::move(builder_).build();
    if (!graph) return graph.error();
    Derived derived{std::move(graph).value(), {}};
    if (unsized_ > 0) {
      derived.notes.push_back(fmt::format(
          "{} of {} tensors have no size, so what is kept of them for the backward pass counts as "
          "0 bytes",
          unsized_, forward_.num_tensors()));
    }
    return derived;
  }

 private:
  [[nodiscard]] OperatorId twin(OperatorId op) const {
    return OperatorId(forward_.num_operators() + op.index());
  }
  [[nodiscard]] Bytes weights(OperatorId op) const {
    return states_weights_ ? forward_.weights(op) : forward_.memory(op);
  }
  [[nodiscard]] std::string group(OperatorId op) const {
    // Two namespaces in one: a label of the file must not be taken for an operator's own.
    const auto given = forward_.group(op);
    return given ? "group " + forward_.group_label(*given) : "operator " + forward_.id(op);
  }

  void add_forward(OperatorId op) {
    OperatorSpec spec;
    spec.id = forward_.id(op);
    if (forward_.name(op) != spec.id) spec.name = forward_.name(op);
    spec.memory = forward_.memory(op);
    spec.weights = weights(op);
    for (const TensorId tensor : forward_.outputs(op)) {
      if (forward_.consumers(tensor).empty()) continue;
      if (!forward_.bytes(tensor)) ++unsized_;
      spec.stash += forward_.bytes(tensor).value_or(Bytes(0));
    }
    for (std::size_t c = 0; c < forward_.time_columns().size(); ++c) {
      spec.times.push_back(forward_.time(op, c));
    }
    spec.group = group(op);
    builder_.add_operator(std::move(spec));
  }

  base::Status add_backward(OperatorId op) {
    OperatorSpec spec;
    spec.id = twin_id(forward_, op);
    spec.phase = Phase::backward;
    spec.group = group(op);
    const auto memory = scale(weights(op).count(), state_factor(options_), 1, Bytes::max().count());
    if (!memory) {
      return base::bad_input(fmt::format(
          "the gradients and optimizer state of operator '{}' overflow", forward_.id(op)));
    }
    spec.memory = Bytes(*memory);
    for (std::size_t c = 0; c < forward_.time_columns().size(); ++c) {
      const auto time = forward_.time(op, c);
      spec.times.push_back(time);
      if (!time) continue;
      const auto scaled =
          scale(time->count(), options_.backward_percent, 100, base::kMaxDuration.count());
      if (!scaled) {
        return base::bad_input(
            fmt::format("the backward time of operator '{}' overflows", forward_.id(op)));
      }
      spec.times.back() = Duration(*scaled);
    }
    builder_.add_operator(std::move(spec));
    return std::monostate{};
  }

  void add_tensors(TensorId tensor) {
    const OperatorId producer = forward_.producer(tensor);
    const auto consumers = forward_.consumers(tensor);
    const auto bytes = forward_.bytes(tensor);
    const auto transfer = forward_.transfer(tensor);
    builder_.add_tensor({producer, {consumers.begin(), consumers.end()}, bytes, transfer});
    for (const OperatorId consumer : consumers) {
      builder_.add_tensor({twin(consumer), {twin(producer)}, bytes, transfer});
    }
  }

  [[nodiscard]] static bool any_weights(const Graph& graph) {
    for (std::size_t v = 0; v < graph.num_operators(); ++v) {
      if (graph.weights(OperatorId(v)) > Bytes(0)) return true;
    }
    return false;
  }

  const Graph& forward_;
  const Options& options_;
  GraphBuilder builder_;
  // A graph that states the weights of any operator states them of all.
  bool states_weights_ = any_weights(forward_);
  std::size_t unsized_ = 0;
};

}  // namespace

std::optional<Optimizer> find_optimizer(std::string_view name) {
  if (name == "sgd") return Optimizer::sgd;
  if (name == "momentum") return Optimizer::momentum;
  if (name == "adam") return Optimizer::adam;
  return std::nullopt;
}

std::optional<Precision> find_precision(std::string_view name) {
  if (name == "fp32") return Precision::fp32;
  if (name == "mixed") return Precision::mixed;
  return std::nullopt;
}

base::Result<Derived> derive(const Graph& forward, const Options& options) {
  if (forward.has_backward()) {
    return base::bad_input(
        "the graph has backward operators already; a training graph is made from a forward graph");
  }
  if (options.backward_percent < 0) {
    return base::bad_input(
        fmt::format("a backward operator takes {}% of its forward twin's time; "
                    "it must be at least 0",
                    options.backward_percent));
  }
  return Derivation(forward, options).run();
}

}  // namespace cleave::training
