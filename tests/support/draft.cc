#include "support/draft.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

namespace cleave::support {

using Json = nlohmann::ordered_json;

base::Result<model::Problem> build(const Draft& draft) {
  model::GraphBuilder builder(draft.time_columns);
  for (const model::OperatorSpec& op : draft.operators) builder.add_operator(op);
  for (const model::TensorSpec& tensor : draft.tensors) builder.add_tensor(tensor);
  auto graph = std::move(builder).build();
  if (!graph) return graph.error();
  auto machine = model::Machine::create(draft.classes);
  if (!machine) return machine.error();
  return model::Problem::create(std::make_shared<const model::Graph>(std::move(*graph)),
                                std::move(*machine), draft.question);
}

namespace {

Json operator_to_json(const Draft& draft, const model::OperatorSpec& op) {
  Json times = Json::object();
  for (std::size_t c = 0; c < op.times.size(); ++c) {
    if (op.times[c]) times[draft.time_columns[c]] = op.times[c]->count();
  }
  Json json{{"id", op.id}, {"memory", op.memory.count()}, {"times", std::move(times)}};
  if (op.weights > base::Bytes(0)) json["weights"] = op.weights.count();
  if (op.stash > base::Bytes(0)) json["stash"] = op.stash.count();
  if (!op.name.empty()) json["name"] = op.name;
  if (op.phase == model::Phase::backward) json["phase"] = "backward";
  if (op.group) json["group"] = *op.group;
  return json;
}

Json tensor_to_json(const Draft& draft, const model::TensorSpec& tensor) {
  const auto id = [&](base::OperatorId op) { return draft.operators[op.index()].id; };
  Json json{{"producer", id(tensor.producer)}, {"consumers", Json::array()}};
  for (const base::OperatorId consumer : tensor.consumers) json["consumers"] += id(consumer);
  if (tensor.bytes) json["bytes"] = tensor.bytes->count();
  if (tensor.transfer) json["transfer"] = tensor.transfer->count();
  return json;
}

Json class_to_json(const model::DeviceClass& device_class) {
  Json json{{"name", device_class.name},
            {"count", device_class.count},
            {"times", device_class.times},
            {"pays_transfers", device_class.pays_transfers}};
  if (device_class.memory) json["memory"] = device_class.memory->count();
  if (device_class.link) {
    json["link"] = {{"bytes_per_second", device_class.link->bytes_per_second},
                    {"latency", device_class.link->latency.count()}};
  }
  if (device_class.server) {
    json["server"] = {{"devices", device_class.server->devices},
                      {"bytes_per_second", device_class.server->link.bytes_per_second},
                      {"latency", device_class.server->link.latency.count()}};
  }
  return json;
}

Json question_to_json(const model::Question& question) {
  const auto rules = [](const std::vector<model::DeviceRule>& list) {
    Json json = Json::array();
    for (const model::DeviceRule& rule : list) json += rule.pattern + "=" + rule.device;
    return json;
  };
  Json json{{"objective", to_string(question.objective)},
            {"placement", describe_placement(question)},
            {"transfers", to_string(question.transfers)},
            {"pins", rules(question.pins)},
            {"forbids", rules(question.forbids)}};
  if (question.schedule) json["schedule"] = to_string(*question.schedule);
  if (question.workers) json["workers"] = *question.workers;
  return json;
}

// One line an element: short enough to read, long enough to compare.
std::string lines(const Json& list) {
  std::string text;
  for (const Json& element : list) text += (text.empty() ? "\n  " : ",\n  ") + element.dump();
  return "[" + text + "]";
}

}  // namespace

std::string to_json(const Draft& draft) {
  Json operators = Json::array();
  Json tensors = Json::array();
  Json classes = Json::array();
  for (const auto& op : draft.operators) operators += operator_to_json(draft, op);
  for (const auto& tensor : draft.tensors) tensors += tensor_to_json(draft, tensor);
  for (const auto& device_class : draft.classes) classes += class_to_json(device_class);
  return "{\"operators\": " + lines(operators) + ",\n\"tensors\": " + lines(tensors) +
         ",\n\"devices\": " + lines(classes) +
         ",\n\"question\": " + question_to_json(draft.question).dump() + "}\n";
}

}  // namespace cleave::support
