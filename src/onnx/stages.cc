#include "cleave/onnx/stages.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "onnx/network.h"
#include "onnx/source.h"
#include "onnx/stage_weights.h"
#include "onnx/structure.h"

namespace cleave::onnx {
namespace {

namespace fs = std::filesystem;
using model::Network;
using model::NetworkOperator;
using model::NetworkValue;
using model::Pipeline;
using model::PipelineStage;
using model::PipelineTensor;
using model::ValueId;

// Readers of manifests refuse others.
constexpr std::size_t kMaxNameBytes = 1024;

bool is_name(const std::string& name) {
  return name.size() <= kMaxNameBytes && std::none_of(name.begin(), name.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

// Which stage computes what, and what each stage needs from elsewhere.
class Cut {
 public:
  Cut(const Network& network, std::span<const StageSpec> stages)
      : network_(&network), parts_(stages.size()), producer_(network.values.size(), kNobody) {
    for (std::size_t i = 0; i < network.operators.size(); ++i) {
      for (const ValueId id : network.operators[i].outputs) {
        if (id.valid()) producer_[id.index()] = i;
      }
    }
  }

  // What goes into one file.
  struct Part {
    std::vector<std::size_t> operators;  // positions in the network, the stage's own
    std::set<std::size_t> constants;     // positions of operators that are repeated here
    std::set<std::size_t> weights;       // values
    std::vector<std::size_t> inputs;     // values, in the order in which they are read
    std::vector<std::size_t> outputs;    // values, in the order in which they are computed
  };

  base::Status run(std::span<const StageSpec> stages) {
    if (auto done = assign(stages); !done) return done;
    for (std::size_t s = 0; s < parts_.size(); ++s) {
      for (const std::size_t op : parts_[s].operators) {
        if (auto done = gather(s, network_->operators[op]); !done) return done;
      }
    }
    return settle_outputs();
  }

  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }

  /// The stage that gives the value to others; nullopt: the caller.
  [[nodiscard]] std::optional<std::size_t> source(std::size_t value) const {
    const std::size_t op = producer_[value];
    if (is_constant(value)) return parts_.size() - 1;
    return op == kNobody ? std::nullopt : std::optional(stage_of_[op]);
  }

 private:
  static constexpr std::size_t kNobody = std::numeric_limits<std::size_t>::max();

  [[nodiscard]] bool is_constant(std::size_t value) const {
    return network_->values[value].constant;
  }

  base::Status assign(std::span<const StageSpec> stages) {
    std::unordered_map<std::string_view, std::size_t> by_id;
    for (std::size_t i = 0; i < network_->operators.size(); ++i) {
      const NetworkOperator& op = network_->operators[i];
      if (!op.constant) by_id[op.id] = i;
    }
    stage_of_.assign(network_->operators.size(), kNobody);
    for (std::size_t s = 0; s < stages.size(); ++s) {
      for (const std::string& id : stages[s].operators) {
        const auto found = by_id.find(id);
        if (found == by_id.end() || stage_of_[found->second] != kNobody) {
          return base::bad_input(
              fmt::format("operator {} of stage {} {}", in_quotes(id), s,
                          found == by_id.end() ? "is not in the model" : "is in another already"));
        }
        stage_of_[found->second] = s;
        parts_[s].operators.push_back(found->second);
      }
      std::sort(parts_[s].operators.begin(), parts_[s].operators.end());
    }
    for (const auto& [id, position] : by_id) {
      if (stage_of_[position] == kNobody) {
        return base::bad_input(fmt::format("operator {} is in no stage", in_quotes(id)));
      }
    }
    return std::monostate{};
  }

  // Notes all that an operator of the stage reads.
  base::Status gather(std::size_t stage, const NetworkOperator& op) {
    for (const auto* list : {&op.inputs, &op.captured}) {
      for (const ValueId id : *list) {
        if (!id.valid()) continue;
        if (auto done = gather_value(stage, op, id.index()); !done) return done;
      }
    }
    return std::monostate{};
  }

  base::Status gather_value(std::size_t stage, const NetworkOperator& reader, std::size_t value) {
    Part& part = parts_[stage];
    if (is_constant(value)) {
      repeat_constant(part, value);
      return std::monostate{};
    }
    const auto from = source(value);
    if (from == stage) return std::monostate{};
    const NetworkValue& v = network_->values[value];
    if (from && *from > stage) {
      return base::bad_input(fmt::format("stage {} reads {}, which stage {} computes only later",
                                         stage, in_quotes(v.name), *from));
    }
    if (auto valid = check_border(v, fmt::format("operator {} reads", in_quotes(reader.id)));
        !valid) {
      return valid;
    }
    if (std::find(part.inputs.begin(), part.inputs.end(), value) == part.inputs.end()) {
      part.inputs.push_back(value);
    }
    if (from) sent_.insert(value);
    return std::monostate{};
  }

  // Whether the value can go from one file to another.
  [[nodiscard]] static base::Status check_border(const NetworkValue& value,
                                                 const std::string& reader) {
    if (!value.known) {
      return base::bad_input(
          fmt::format("{} {}, which is no tensor and cannot go from one file to "
                      "another; keep the two operators together with --pin",
                      reader, in_quotes(value.name)));
    }
    if (!is_name(value.name)) {
      return base::bad_input(
          fmt::format("{} {}, whose name is longer than {} bytes or has control "
                      "characters",
                      reader, in_quotes(value.name), kMaxNameBytes));
    }
    return std::monostate{};
  }

  // The weight, or the operators that compute the constant, without recursion: chains may be long.
  void repeat_constant(Part& part, std::size_t constant) const {
    std::vector<std::size_t> open{constant};
    while (!open.empty()) {
      const std::size_t value = open.back();
      open.pop_back();
      const std::size_t op = producer_[value];
      if (op == kNobody) {
        part.weights.insert(value);
        continue;
      }
      if (!part.constants.insert(op).second || reads_shape_only(network_->operators[op])) continue;
      for (const ValueId id : network_->operators[op].inputs) {
        if (id.valid()) open.push_back(id.index());
      }
    }
  }

  base::Status settle_outputs() {
    for (const ValueId id : network_->inputs) {
      if (auto valid = check_border(network_->values[id.index()], "the model's inputs include");
          !valid) {
        return valid;
      }
    }
    for (const ValueId id : network_->outputs) {
      if (auto valid = check_border(network_->values[id.index()], "the model's outputs include");
          !valid) {
        return valid;
      }
      if (is_constant(id.index())) repeat_constant(parts_.back(), id.index());
      if (source(id.index())) sent_.insert(id.index());
    }
    for (const std::size_t value : sent_) parts_[*source(value)].outputs.push_back(value);
    for (Part& part : parts_) {
      if (part.outputs.empty()) part.outputs = all_results(part);
      std::stable_sort(part.outputs.begin(), part.outputs.end(),
                       [&](std::size_t a, std::size_t b) { return producer_[a] < producer_[b]; });
    }
    return std::monostate{};
  }

  // Of a stage that nobody reads: runtimes want an output.
  [[nodiscard]] std::vector<std::size_t> all_results(const Part& part) const {
    std::vector<std::size_t> results;
    for (const std::size_t op : part.operators) {
      for (const ValueId id : network_->operators[op].outputs) {
        if (id.valid() && network_->values[id.index()].known) results.push_back(id.index());
      }
    }
    return results;
  }

  const Network* network_;
  std::vector<Part> parts_;
  std::vector<std::size_t> producer_;  // [values]: operators, or kNobody
  std::vector<std::size_t> stage_of_;  // [operators], or kNobody
  std::set<std::size_t> sent_;         // values that leave their stage
};

// Writes the files of a cut.
class StageWriter {
 public:
  StageWriter(const ModelFile& file, const Cut& cut, fs::path folder)
      : network_(&file.network),
        source_(file.source.get()),
        cut_(&cut),
        folder_(std::move(folder)) {
    const pb::GraphProto& graph = source_->model.graph();
    for (const auto* values : {&graph.value_info(), &graph.input(), &graph.output()}) {
      for (const auto& value : *values) infos_[value.name()] = &value;
    }
    for (const auto& tensor : graph.initializer()) weights_[tensor.name()] = &tensor;
    for (const auto& tensor : graph.sparse_initializer()) {
      sparse_weights_[tensor.values().name()] = &tensor;
    }
  }

  base::Result<PipelineStage> write(std::size_t s, const StageSpec& spec) const {
    const Cut::Part& part = cut_->parts()[s];
    pb::ModelProto model = frame(s, spec);
    pb::GraphProto& graph = *model.mutable_graph();
    add_operators(graph, part);
    add_weights(graph, part);
    for (const std::size_t value : part.inputs) *graph.add_input() = info(value);
    for (const std::size_t value : part.outputs) *graph.add_output() = info(value);
    add_descriptions(graph);
    if (model.ir_version() < 4) declare_weights(graph);

    PipelineStage stage;
    stage.device = spec.device;
    stage.file = fmt::format("stage{}.onnx", s);
    stage.num_operators = static_cast<std::int64_t>(part.operators.size());
    for (const std::size_t value : part.inputs) stage.inputs.push_back(tensor(value));
    for (const std::size_t value : part.outputs) stage.outputs.push_back(tensor(value));
    auto data = take_weights(graph, source_->folder, folder_, fmt::format("stage{}.weights", s));
    if (!data) return data.error();
    stage.data_file = std::move(data).value();
    std::vector<std::string> notes;
    if (auto valid = check_structure(model, folder_, notes); !valid) {
      return base::Error{base::ErrorCode::internal,
                         "the stage is not valid: " + valid.error().to_string(), stage.file};
    }
    if (auto done = save(model, folder_ / stage.file); !done) return done.error();
    return stage;
  }

  [[nodiscard]] PipelineTensor tensor(std::size_t value) const {
    const NetworkValue& v = network_->values[value];
    return {v.name, v.type, v.shape, cut_->source(value)};
  }

 private:
  // All but the graph's content.
  [[nodiscard]] pb::ModelProto frame(std::size_t s, const StageSpec& spec) const {
    const pb::ModelProto& original = source_->model;
    pb::ModelProto model;
    model.set_ir_version(original.ir_version());
    *model.mutable_opset_import() = original.opset_import();
    *model.mutable_metadata_props() = original.metadata_props();
    if (original.has_producer_name()) model.set_producer_name(original.producer_name());
    if (original.has_producer_version()) model.set_producer_version(original.producer_version());
    if (original.has_domain()) model.set_domain(original.domain());
    if (original.has_model_version()) model.set_model_version(original.model_version());
    if (original.has_doc_string()) model.set_doc_string(original.doc_string());
    const auto add = [&](const char* key, std::string value) {
      auto& entry = *model.add_metadata_props();
      entry.set_key(key);
      entry.set_value(std::move(value));
    };
    add("cleave.stage", std::to_string(s));
    add("cleave.stages", std::to_string(cut_->parts().size()));
    add("cleave.device", spec.device);
    pb::GraphProto& graph = *model.mutable_graph();
    graph.set_name(fmt::format("{}/stage{}", original.graph().name(), s));
    if (original.graph().has_doc_string()) graph.set_doc_string(original.graph().doc_string());
    return model;
  }

  // In the order of the original, in which producers come first.
  void add_operators(pb::GraphProto& graph, const Cut::Part& part) const {
    std::set<std::size_t> all(part.operators.begin(), part.operators.end());
    all.insert(part.constants.begin(), part.constants.end());
    for (const std::size_t op : all) {
      const pb::NodeProto& node = source_->model.graph().node(static_cast<int>(op));
      *graph.add_node() = reads_shape_only(network_->operators[op]) && part.constants.contains(op)
                              ? shape_as_constant(node, network_->operators[op])
                              : node;
    }
  }

  // A Constant in the place of an operator Shape or Size.
  [[nodiscard]] pb::NodeProto shape_as_constant(const pb::NodeProto& node,
                                                const NetworkOperator& op) const {
    const auto& shape = network_->values[op.inputs[0].index()].shape;
    pb::NodeProto constant;
    constant.set_name(node.name());
    constant.set_op_type("Constant");
    constant.add_output(node.output(0));
    pb::AttributeProto& attribute = *constant.add_attribute();
    attribute.set_name("value");
    attribute.set_type(pb::AttributeProto::TENSOR);
    pb::TensorProto& value = *attribute.mutable_t();
    value.set_data_type(pb::TensorProto::INT64);
    if (op.type == "Size") {
      std::int64_t size = 1;
      for (const std::int64_t dimension : shape) size *= dimension;
      value.add_int64_data(size);
      return constant;
    }
    const auto rank = static_cast<std::int64_t>(shape.size());
    const auto bound = [&](const char* name, std::int64_t standard) {
      const auto given = op.integers.find(name);
      const std::int64_t axis = given == op.integers.end() ? standard : given->second[0];
      return std::clamp(axis < 0 ? axis + rank : axis, std::int64_t{0}, rank);
    };
    for (std::int64_t axis = bound("start", 0); axis < bound("end", rank); ++axis) {
      value.add_int64_data(shape[static_cast<std::size_t>(axis)]);
    }
    value.add_dims(value.int64_data_size());
    return constant;
  }

  void add_weights(pb::GraphProto& graph, const Cut::Part& part) const {
    for (const std::size_t value : part.weights) {
      const std::string& name = network_->values[value].name;
      if (const auto found = weights_.find(name); found != weights_.end()) {
        *graph.add_initializer() = *found->second;
      } else {
        *graph.add_sparse_initializer() = *sparse_weights_.at(name);
      }
    }
  }

  [[nodiscard]] pb::ValueInfoProto info(std::size_t value) const {
    const NetworkValue& v = network_->values[value];
    if (const auto found = infos_.find(v.name); found != infos_.end()) return *found->second;
    pb::ValueInfoProto info;  // a weight that is an output
    info.set_name(v.name);
    auto& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(weights_.at(v.name)->data_type());
    for (const std::int64_t size : v.shape) type.mutable_shape()->add_dim()->set_dim_value(size);
    return info;
  }

  // The types and annotations of what the stage computes and does not hand out.
  void add_descriptions(pb::GraphProto& graph) const {
    std::unordered_set<std::string> outputs;
    for (const auto& output : graph.output()) outputs.insert(output.name());
    std::unordered_set<std::string> names;
    for (const auto& input : graph.input()) names.insert(input.name());
    for (const auto& tensor : graph.initializer()) names.insert(tensor.name());
    for (const auto& node : graph.node()) {
      for (const std::string& name : node.output()) {
        names.insert(name);
        const auto found = infos_.find(name);
        if (found != infos_.end() && !outputs.contains(name)) {
          *graph.add_value_info() = *found->second;
        }
      }
    }
    for (const auto& annotation : source_->model.graph().quantization_annotation()) {
      const auto& parameters = annotation.quant_parameter_tensor_names();
      const bool whole = names.contains(annotation.tensor_name()) &&
                         std::all_of(parameters.begin(), parameters.end(), [&](const auto& entry) {
                           return names.contains(entry.value());
                         });
      if (whole) *graph.add_quantization_annotation() = annotation;
    }
  }

  // Files before version 4 list their weights among the inputs.
  static void declare_weights(pb::GraphProto& graph) {
    for (const pb::TensorProto& tensor : graph.initializer()) {
      pb::ValueInfoProto& input = *graph.add_input();
      input.set_name(tensor.name());
      auto& type = *input.mutable_type()->mutable_tensor_type();
      type.set_elem_type(tensor.data_type());
      type.mutable_shape();
      for (const std::int64_t size : tensor.dims()) {
        type.mutable_shape()->add_dim()->set_dim_value(size);
      }
    }
  }

  const Network* network_;
  const Source* source_;
  const Cut* cut_;
  fs::path folder_;
  std::unordered_map<std::string, const pb::ValueInfoProto*> infos_;
  std::unordered_map<std::string, const pb::TensorProto*> weights_;
  std::unordered_map<std::string, const pb::SparseTensorProto*> sparse_weights_;
};

base::Result<Pipeline> write_all(const ModelFile& model, std::span<const StageSpec> stages,
                                 const fs::path& folder) {
  if (stages.empty()) return base::bad_input("there are no stages to write");
  Cut cut(model.network, stages);
  if (auto done = cut.run(stages); !done) return done.error();
  const StageWriter writer(model, cut, folder);
  Pipeline pipeline;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    auto stage = writer.write(s, stages[s]);
    if (!stage) return stage.error();
    pipeline.stages.push_back(std::move(stage).value());
  }
  for (const ValueId id : model.network.inputs) {
    pipeline.inputs.push_back(writer.tensor(id.index()));
  }
  for (const ValueId id : model.network.outputs) {
    PipelineTensor output = writer.tensor(id.index());
    auto& known = pipeline.outputs;
    if (std::find(known.begin(), known.end(), output) == known.end()) {
      known.push_back(std::move(output));
    }
  }
  return pipeline;
}

}  // namespace

base::Result<Pipeline> write_stages(const ModelFile& model, std::span<const StageSpec> stages,
                                    const fs::path& folder) {
  try {
    return write_all(model, stages, folder);
  } catch (const std::exception& error) {  // the library's, or out of memory
    return base::Error{base::ErrorCode::internal,
                       fmt::format("cannot write the stages: {}", error.what()), folder.string()};
  }
}

}  // namespace cleave::onnx
