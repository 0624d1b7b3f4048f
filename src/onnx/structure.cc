#include "onnx/structure.h"

#include <onnx/checker.h>
#include <onnx/defs/schema.h>

#include <exception>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace cleave::onnx {
namespace {

// The names that a graph and those around it have defined so far.
struct Scope {
  const Scope* outer = nullptr;
  std::unordered_set<std::string> names;

  [[nodiscard]] bool has(const std::string& name) const {
    return names.contains(name) || (outer != nullptr && outer->has(name));
  }
};

base::Status check_weight(const pb::TensorProto& tensor) {
  const std::string place = "weight " + in_quotes(tensor.name());
  const auto type = element_type(tensor.data_type());
  if (!type) {
    return base::bad_input(fmt::format("its element type {} is unknown", tensor.data_type()),
                           place);
  }
  const auto bytes = tensor_bytes(*type, {tensor.dims().begin(), tensor.dims().end()});
  if (!bytes) return base::bad_input("its shape has a negative or far too large dimension", place);
  if (tensor.has_raw_data() && tensor.data_location() != pb::TensorProto::EXTERNAL &&
      static_cast<std::int64_t>(tensor.raw_data().size()) != bytes->count()) {
    return base::bad_input(fmt::format("its shape takes {} bytes, but the file has {} of them",
                                       bytes->count(), tensor.raw_data().size()),
                           place);
  }
  return std::monostate{};
}

base::Status define(Scope& scope, const std::string& name, std::string_view what) {
  if (name.empty()) return base::bad_input(fmt::format("{} of the graph has no name", what));
  if (scope.names.insert(name).second) return std::monostate{};
  return base::bad_input(fmt::format("{} {} is defined twice", what, in_quotes(name)));
}

base::Error undefined(const pb::GraphProto& graph, int reader, const std::string& name) {
  const std::string place = describe(graph.node(reader));
  for (int i = reader; i < graph.node_size(); ++i) {
    for (const std::string& output : graph.node(i).output()) {
      if (output != name) continue;
      return base::bad_input(
          fmt::format("it reads {}, which is computed only later, by {}; operators have to come "
                      "after those whose results they read, without cycles",
                      in_quotes(name),
                      i == reader ? std::string("itself") : describe(graph.node(i))),
          place);
    }
  }
  return base::bad_input(fmt::format("it reads {}, which nothing computes", in_quotes(name)),
                         place);
}

base::Status check_names(const pb::GraphProto& graph, const Scope* outer) {
  Scope scope;
  scope.outer = outer;
  for (const auto& input : graph.input()) {
    if (auto defined = define(scope, input.name(), "input"); !defined) return defined;
  }
  std::unordered_set<std::string> weights;
  for (const auto& tensor : graph.initializer()) {
    if (tensor.name().empty() || !weights.insert(tensor.name()).second) {
      return base::bad_input(fmt::format("two weights are called {}", in_quotes(tensor.name())));
    }
    if (auto valid = check_weight(tensor); !valid) return valid;
    scope.names.insert(tensor.name());  // may be an input as well, in older files
  }
  for (const auto& tensor : graph.sparse_initializer()) scope.names.insert(tensor.values().name());
  for (int i = 0; i < graph.node_size(); ++i) {
    const pb::NodeProto& node = graph.node(i);
    for (const std::string& input : node.input()) {
      if (!input.empty() && !scope.has(input)) return undefined(graph, i, input);
    }
    for (const pb::GraphProto* body : bodies(node)) {
      auto valid = check_names(*body, &scope);
      if (!valid) {
        base::Error error = valid.error();
        error.place = describe(node) + (error.place.empty() ? "" : ", " + error.place);
        return error;
      }
    }
    for (const std::string& output : node.output()) {
      if (output.empty()) continue;
      if (auto defined = define(scope, output, "the result"); !defined) return defined;
    }
  }
  for (const auto& output : graph.output()) {
    if (scope.has(output.name())) continue;
    return base::bad_input(fmt::format("nothing computes the output {}", in_quotes(output.name())));
  }
  return std::monostate{};
}

// The versions of the domains that the model uses.
using Opsets = std::unordered_map<std::string, int>;

base::Result<Opsets> read_opsets(const pb::ModelProto& model) {
  Opsets opsets;
  for (const auto& opset : model.opset_import()) {
    if (opset.version() < 1 || opset.version() > 1'000'000) {
      return base::bad_input(fmt::format("the version {} of domain {} is not valid",
                                         opset.version(), in_quotes(opset.domain())));
    }
    opsets[normalised_domain(opset.domain())] = static_cast<int>(opset.version());
  }
  return opsets;
}

// Domains whose version is newer than what the library knows: their operators are not checked.
std::set<std::string> find_newer(const Opsets& opsets, std::vector<std::string>& notes) {
  std::set<std::string> newer;
  for (const auto& [domain, range] : pb::OpSchemaRegistry::DomainToVersionRange::Instance().Map()) {
    const auto used = opsets.find(domain);
    if (used == opsets.end() || used->second <= range.second) continue;
    newer.insert(domain);
    notes.push_back(fmt::format(
        "the model uses version {} of {}, newer than the onnx library here ({}): its operators "
        "are not checked, and shapes that changed since have to be in the file",
        used->second, domain.empty() ? "ai.onnx" : domain, range.second));
  }
  return newer;
}

base::Status check_operators(const pb::GraphProto& graph, const Opsets& opsets,
                             const std::set<std::string>& newer,
                             const std::filesystem::path& folder) {
  pb::checker::CheckerContext context;
  context.set_ir_version(static_cast<int>(pb::IR_VERSION));
  context.set_opset_imports(opsets);
  context.set_model_dir(folder.string());
  context.set_is_main_graph(false);
  pb::checker::LexicalScopeContext scope;
  for (const auto& input : graph.input()) scope.add(input.name());
  for (const auto& tensor : graph.initializer()) scope.add(tensor.name());
  for (const auto& tensor : graph.sparse_initializer()) scope.add(tensor.values().name());
  for (const pb::NodeProto& node : graph.node()) {
    const std::string domain = normalised_domain(node.domain());
    const auto version = opsets.find(domain);
    if (version == opsets.end()) {
      return base::bad_input(
          fmt::format("the model does not say which version of domain {} it uses",
                      in_quotes(node.domain())),
          describe(node));
    }
    const bool known =
        pb::OpSchemaRegistry::Schema(node.op_type(), version->second, domain) != nullptr;
    if (known && !newer.contains(domain)) {
      try {
        pb::checker::check_node(node, context, scope);
      } catch (const std::exception& error) {
        const std::string_view text = error.what();
        return base::bad_input(std::string(text.substr(0, text.find('\n'))), describe(node));
      }
    }
    for (const std::string& output : node.output()) scope.add(output);
  }
  return std::monostate{};
}

}  // namespace

base::Status check_structure(const pb::ModelProto& model, const std::filesystem::path& folder,
                             std::vector<std::string>& notes) {
  const auto opsets = read_opsets(model);
  if (!opsets) return opsets.error();
  if (auto valid = check_names(model.graph(), nullptr); !valid) return valid;
  return check_operators(model.graph(), *opsets, find_newer(*opsets, notes), folder);
}

}  // namespace cleave::onnx
