#include "onnx/functions.h"

#include <map>
#include <set>
#include <unordered_map>
#include <utility>

namespace cleave::onnx {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::int64_t kMaxOperators = 1'000'000;

// One call: what the names of the function's body are called outside of it.
class Call {
 public:
  Call(const pb::FunctionProto& function, const pb::NodeProto& call, std::string prefix)
      : call_(&call), prefix_(std::move(prefix)) {
    for (int i = 0; i < function.input_size(); ++i) {
      names_[function.input(i)] = i < call.input_size() ? call.input(i) : std::string();
    }
    // An output that the caller leaves out may still be read inside the body.
    for (int i = 0; i < function.output_size(); ++i) {
      const bool wanted = i < call.output_size() && !call.output(i).empty();
      names_[function.output(i)] = wanted ? call.output(i) : prefix_ + function.output(i);
    }
  }

  [[nodiscard]] pb::NodeProto instance(const pb::NodeProto& inner) const {
    pb::NodeProto node = inner;
    rename(node);
    return node;
  }

 private:
  void rename(std::string& name) const {
    if (name.empty()) return;
    const auto known = names_.find(name);
    name = known == names_.end() ? prefix_ + name : known->second;
  }

  void rename(pb::NodeProto& node) const {
    if (!node.name().empty()) node.set_name(prefix_ + node.name());
    for (std::string& input : *node.mutable_input()) rename(input);
    for (std::string& output : *node.mutable_output()) rename(output);
    fill_attributes(node);
    for (pb::GraphProto* body : bodies(node)) rename(*body);
  }

  void rename(pb::GraphProto& graph) const {
    for (auto& value : *graph.mutable_input()) rename(*value.mutable_name());
    for (auto& value : *graph.mutable_output()) rename(*value.mutable_name());
    for (auto& value : *graph.mutable_value_info()) rename(*value.mutable_name());
    for (auto& tensor : *graph.mutable_initializer()) rename(*tensor.mutable_name());
    for (auto& node : *graph.mutable_node()) rename(node);
  }

  // Attributes that refer to the call's; one that the call does not have is absent.
  void fill_attributes(pb::NodeProto& node) const {
    google::protobuf::RepeatedPtrField<pb::AttributeProto> kept;
    for (pb::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.ref_attr_name().empty()) {
        *kept.Add() = std::move(attribute);
      } else if (const auto* given = find_attribute(*call_, attribute.ref_attr_name())) {
        pb::AttributeProto& filled = *kept.Add();
        filled = *given;
        filled.set_name(attribute.name());
      }
    }
    node.mutable_attribute()->Swap(&kept);
  }

  const pb::NodeProto* call_;
  std::string prefix_;
  std::unordered_map<std::string, std::string> names_;
};

class Inliner {
 public:
  explicit Inliner(pb::ModelProto& model) : model_(&model) {
    functions_.Swap(model.mutable_functions());
    for (const pb::FunctionProto& function : functions_) {
      by_name_[{normalised_domain(function.domain()), function.name()}] = &function;
    }
  }

  base::Status run() {
    if (functions_.empty()) return std::monostate{};
    import_domains();
    return expand(*model_->mutable_graph(), 0);
  }

 private:
  // A body may use domains that the model itself does not.
  void import_domains() {
    std::set<std::string> imported;
    for (const auto& opset : model_->opset_import()) {
      imported.insert(normalised_domain(opset.domain()));
    }
    for (const pb::FunctionProto& function : functions_) {
      for (const auto& opset : function.opset_import()) {
        if (imported.insert(normalised_domain(opset.domain())).second) {
          *model_->add_opset_import() = opset;
        }
      }
    }
  }

  base::Status expand(pb::GraphProto& graph, int depth) {
    google::protobuf::RepeatedPtrField<pb::NodeProto> nodes;
    nodes.Swap(graph.mutable_node());
    for (int i = 0; i < nodes.size(); ++i) {
      const std::string fallback = fmt::format("{}_{}", nodes[i].op_type(), i);
      if (auto done = place(std::move(nodes[i]), fallback, graph, depth); !done) return done;
    }
    return std::monostate{};
  }

  // Adds the node to the graph, or what it stands for.
  base::Status place(pb::NodeProto node, const std::string& fallback, pb::GraphProto& graph,
                     int depth) {
    if (depth > kMaxDepth) {
      return base::bad_input(fmt::format("functions call one another more than {} deep; a function "
                                         "may not call itself",
                                         kMaxDepth),
                             describe(node));
    }
    if (++operators_ > kMaxOperators) {
      return base::bad_input(fmt::format(
          "the model has more than {} operators when its functions are expanded", kMaxOperators));
    }
    for (pb::GraphProto* body : bodies(node)) {
      if (auto done = expand(*body, depth + 1); !done) return done;
    }
    const auto found = by_name_.find({normalised_domain(node.domain()), node.op_type()});
    if (found == by_name_.end()) {
      *graph.add_node() = std::move(node);
      return std::monostate{};
    }
    const Call call(*found->second, node,
                    unique_prefix(node.name().empty() ? fallback : node.name()));
    for (int i = 0; i < found->second->node_size(); ++i) {
      pb::NodeProto inner = call.instance(found->second->node(i));
      const std::string name = fmt::format("{}_{}", inner.op_type(), i);
      if (auto done = place(std::move(inner), name, graph, depth + 1); !done) return done;
    }
    return std::monostate{};
  }

  std::string unique_prefix(const std::string& name) {
    std::string prefix = name + "/";
    for (int copy = 2; !prefixes_.insert(prefix).second; ++copy) {
      prefix = fmt::format("{}#{}/", name, copy);
    }
    return prefix;
  }

  pb::ModelProto* model_;
  google::protobuf::RepeatedPtrField<pb::FunctionProto> functions_;
  std::map<std::pair<std::string, std::string>, const pb::FunctionProto*> by_name_;
  std::set<std::string> prefixes_;
  std::int64_t operators_ = 0;
};

}  // namespace

base::Status inline_functions(pb::ModelProto& model) { return Inliner(model).run(); }

}  // namespace cleave::onnx
