#include "workload/sketch.h"

#include <algorithm>
#include <utility>

namespace cleave::workload {

using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Phase;

Duration Sketch::accelerator_time(std::int64_t flops, std::int64_t bytes) {
  return Duration(std::max(flops / 100, bytes));
}

Duration Sketch::cpu_time(std::int64_t flops, std::int64_t bytes) {
  return Duration(std::max(flops / 2, bytes * 10));
}

Sketch::Sketch(Link link, std::uint64_t seed) : link_(link), jitter_(seed != 0), random_(seed) {}

Sketch::Value Sketch::add(std::string id, Work work, const std::vector<Value>& inputs) {
  const OperatorId op(operators_.size());
  std::int64_t bytes = work.weights + work.output;
  for (const Value input : inputs) {
    Tensor& tensor = tensors_[input.index()];
    tensor.consumers.push_back(op);
    bytes += tensor.bytes;
  }
  Duration accelerator = accelerator_time(work.flops, bytes);
  Duration cpu = cpu_time(work.flops, bytes);
  if (jitter_) {
    const std::int64_t thousandths = random_.between(500, 1500);
    accelerator = accelerator * thousandths / 1000;
    cpu = cpu * thousandths / 1000;
  }
  operators_.push_back({std::move(id), work.weights + work.table, work.output, accelerator, cpu});
  tensors_.push_back({op, work.output, {}});
  return Value(tensors_.size() - 1);
}

Sketch::Value Sketch::add_output(Value value, std::int64_t bytes) {
  tensors_.push_back({tensors_[value.index()].producer, bytes, {}});
  return Value(tensors_.size() - 1);
}

Duration Sketch::transfer(std::int64_t bytes) const {
  __extension__ using Wide = __int128;
  return Duration(static_cast<std::int64_t>(Wide(bytes) * link_.numerator / link_.denominator));
}

model::OperatorSpec Sketch::spec(const Operator& op, bool training, Phase phase) const {
  const bool backward = phase == Phase::backward;
  // Backward twins hold the gradient and two moments of each weight.
  const std::int64_t memory = backward ? 3 * op.weights : op.weights + op.output;
  const std::int64_t factor = backward ? 2 : 1;
  model::OperatorSpec spec;
  spec.id = backward ? op.id + "/backward" : op.id;
  spec.phase = phase;
  spec.memory = base::Bytes(memory);
  spec.times = {op.accelerator * factor, op.cpu * factor};
  if (training) {
    spec.group = op.id;
  } else {
    spec.weights = base::Bytes(op.weights);
  }
  return spec;
}

model::TensorSpec Sketch::spec(OperatorId producer, OperatorId consumer, std::int64_t bytes) const {
  return {producer, {consumer}, base::Bytes(bytes), transfer(bytes)};
}

base::Result<model::Graph> Sketch::finish(bool training) && {
  model::GraphBuilder builder({"accelerator", "cpu"});
  for (const Operator& op : operators_) builder.add_operator(spec(op, training, Phase::forward));
  for (const Tensor& tensor : tensors_) {
    if (tensor.consumers.empty()) continue;
    builder.add_tensor(
        {tensor.producer, tensor.consumers, base::Bytes(tensor.bytes), transfer(tensor.bytes)});
  }
  if (training) {
    const auto twin = [n = operators_.size()](OperatorId op) { return OperatorId(n + op.index()); };
    for (const Operator& op : operators_) {
      builder.add_operator(spec(op, training, Phase::backward));
    }
    for (std::size_t v = 0; v < operators_.size(); ++v) {
      builder.add_tensor(spec(OperatorId(v), twin(OperatorId(v)), operators_[v].output));
    }
    for (const Tensor& tensor : tensors_) {
      for (const OperatorId consumer : tensor.consumers) {
        builder.add_tensor(spec(twin(consumer), twin(tensor.producer), tensor.bytes));
      }
    }
  }
  return std::move(builder).build();
}

}  // namespace cleave::workload
