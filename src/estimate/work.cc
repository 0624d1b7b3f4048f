#include "estimate/work.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>
#include <string_view>

namespace cleave::estimate {
namespace {

using model::ElementType;
using model::Network;
using model::NetworkOperator;
using model::NetworkValue;
using model::ValueId;

using Shape = std::span<const std::int64_t>;

double product(Shape shape) {
  double elements = 1;
  for (const std::int64_t size : shape) elements *= static_cast<double>(size);
  return elements;
}

// An operator with the values it reads and writes at hand.
class View {
 public:
  View(const Network& network, const NetworkOperator& op) : network_(network), op_(op) {}

  [[nodiscard]] const NetworkOperator& op() const { return op_; }
  [[nodiscard]] const NetworkValue* input(std::size_t i) const { return at(op_.inputs, i); }
  [[nodiscard]] const NetworkValue* output(std::size_t i) const { return at(op_.outputs, i); }
  [[nodiscard]] Shape input_shape(std::size_t i) const { return shape_of(input(i)); }
  [[nodiscard]] double input_elements(std::size_t i) const { return elements(input(i)); }
  [[nodiscard]] double output_elements() const { return elements(output(0)); }
  [[nodiscard]] double bytes_in() const { return sum(op_.inputs); }
  [[nodiscard]] double bytes_out() const { return sum(op_.outputs); }
  [[nodiscard]] std::int64_t integer(const std::string& name, std::int64_t standard) const {
    const auto found = op_.integers.find(name);
    return found == op_.integers.end() || found->second.empty() ? standard : found->second[0];
  }
  [[nodiscard]] double product_of(const std::string& attribute) const {
    const auto found = op_.integers.find(attribute);
    return found == op_.integers.end() ? 1 : product(found->second);
  }
  /// Whether it reads a value without a size. (One that nobody reads does not matter.)
  [[nodiscard]] bool reads_unknown() const {
    return std::any_of(op_.inputs.begin(), op_.inputs.end(), [&](ValueId id) {
      return id.valid() && !network_.values[id.index()].known;
    });
  }

 private:
  [[nodiscard]] const NetworkValue* at(const std::vector<ValueId>& values, std::size_t i) const {
    if (i >= values.size() || !values[i].valid()) return nullptr;
    const NetworkValue& value = network_.values[values[i].index()];
    return value.known ? &value : nullptr;
  }
  static Shape shape_of(const NetworkValue* value) {
    return value == nullptr ? Shape() : Shape(value->shape);
  }
  static double elements(const NetworkValue* value) {
    return value == nullptr ? 0 : product(value->shape);
  }
  [[nodiscard]] double sum(const std::vector<ValueId>& values) const {
    double bytes = 0;
    for (const ValueId id : values) {
      if (id.valid()) bytes += static_cast<double>(network_.values[id.index()].bytes.count());
    }
    return bytes;
  }

  const Network& network_;
  const NetworkOperator& op_;
};

// Operations, by operator type.

double matrix_product(const View& view) {
  const Shape left = view.input_shape(0);
  return left.empty() ? 0 : 2 * view.output_elements() * static_cast<double>(left.back());
}

double general_matrix_product(const View& view) {
  const Shape left = view.input_shape(0);
  if (left.size() != 2) return 0;
  const bool transposed = view.integer("transA", 0) != 0;
  return view.output_elements() * (2 * static_cast<double>(left[transposed ? 0 : 1]) + 2);
}

// Each output element takes a multiply-add for each weight of its output channel.
double convolution(const View& view, std::size_t weights) {
  const Shape shape = view.input_shape(weights);
  return shape.empty() ? 0 : 2 * view.output_elements() * product(shape.subspan(1));
}
double convolution(const View& view) { return convolution(view, 1); }
double quantized_convolution(const View& view) { return convolution(view, 3); }

double transposed_convolution(const View& view) {
  const Shape shape = view.input_shape(1);
  return shape.empty() ? 0 : 2 * view.input_elements(0) * product(shape.subspan(1));
}

// Scores and their use: a multiply-add each for every query element and key position.
double attention(const View& view) {
  const Shape keys = view.input_shape(1);
  if (keys.size() < 2) return 0;
  return 4 * view.input_elements(0) * static_cast<double>(keys[keys.size() - 2]);
}

// com.microsoft's: projects its input to queries, keys and values first.
double projecting_attention(const View& view) {
  const Shape input = view.input_shape(0);
  const Shape weights = view.input_shape(1);
  if (input.size() != 3 || weights.size() != 2) return 0;
  const double tokens = product(input.first(2));
  const auto hidden = static_cast<double>(weights[1]) / 3;
  return 2 * tokens * product(weights) + 4 * tokens * static_cast<double>(input[1]) * hidden;
}

// All weights once for each step and sample, in each direction.
double recurrent(const View& view) {
  const Shape input = view.input_shape(0);  // [steps, batch, features], or batch first
  if (input.size() != 3) return 0;
  return 2 * product(input.first(2)) * (view.input_elements(1) + view.input_elements(2));
}

// A multiply-add for each combination of the indices that occur.
double einsum(const View& view) {
  const auto found = view.op().texts.find("equation");
  if (found == view.op().texts.end()) return view.output_elements();
  std::map<char, std::int64_t> sizes;
  std::size_t operand = 0, axis = 0;
  for (const char c : std::string_view(found->second).substr(0, found->second.find("->"))) {
    if (c == ',') {
      ++operand;
      axis = 0;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      const Shape shape = view.input_shape(operand);
      if (axis < shape.size()) sizes[c] = std::max(sizes[c], shape[axis]);
      ++axis;
    }
  }
  double combinations = 1;
  for (const auto& [index, size] : sizes) combinations *= static_cast<double>(size);
  return 2 * combinations;
}

double pooling(const View& view) {
  return view.output_elements() * view.product_of("kernel_shape");
}
double reduction(const View& view) { return view.input_elements(0); }
double combination(const View& view) {
  return view.output_elements() *
         static_cast<double>(std::max<std::size_t>(view.op().inputs.size(), 2) - 1);
}
template <int kEach>
double each(const View& view) {
  return kEach * view.output_elements();
}

// What an operator moves through memory.
enum class Traffic {
  all,    ///< every input and output once
  view,   ///< nothing: the output is the input under another shape
  picks,  ///< what it writes is what it reads of its first input; other inputs whole
};

struct Formula {
  double (*operations)(const View&);
  Traffic traffic = Traffic::all;
};

const std::map<std::string_view, Formula>& formulas() {
  static const std::map<std::string_view, Formula> kFormulas = [] {
    std::map<std::string_view, Formula> table = {
        {"MatMul", {matrix_product}},
        {"MatMulInteger", {matrix_product}},
        {"QLinearMatMul", {matrix_product}},
        {"Gemm", {general_matrix_product}},
        {"Conv", {convolution}},
        {"ConvInteger", {convolution}},
        {"QLinearConv", {quantized_convolution}},
        {"ConvTranspose", {transposed_convolution}},
        {"Attention", {attention}},
        {"LSTM", {recurrent}},
        {"GRU", {recurrent}},
        {"RNN", {recurrent}},
        {"Einsum", {einsum}},
        {"MaxPool", {pooling}},
        {"AveragePool", {pooling}},
        {"LpPool", {pooling}},
    };
    const auto add = [&](Formula formula, std::initializer_list<std::string_view> types) {
      for (const std::string_view type : types) table[type] = formula;
    };
    add({reduction}, {"GlobalAveragePool",
                      "GlobalMaxPool",
                      "GlobalLpPool",
                      "ReduceSum",
                      "ReduceMean",
                      "ReduceMax",
                      "ReduceMin",
                      "ReduceProd",
                      "ReduceL1",
                      "ReduceL2",
                      "ReduceLogSum",
                      "ReduceLogSumExp",
                      "ReduceSumSquare",
                      "ArgMax",
                      "ArgMin",
                      "CumSum",
                      "TopK",
                      "NonZero",
                      "Unique",
                      "NonMaxSuppression"});
    add({combination}, {"Sum", "Mean", "Max", "Min"});
    add({each<1>}, {"Add",        "Sub",
                    "Mul",        "Div",
                    "Neg",        "Abs",
                    "Relu",       "LeakyRelu",
                    "PRelu",      "Clip",
                    "Ceil",       "Floor",
                    "Round",      "Sign",
                    "Not",        "And",
                    "Or",         "Xor",
                    "BitShift",   "BitwiseAnd",
                    "BitwiseOr",  "BitwiseXor",
                    "BitwiseNot", "Equal",
                    "Greater",    "GreaterOrEqual",
                    "Less",       "LessOrEqual",
                    "Where",      "IsNaN",
                    "IsInf",      "Mod",
                    "Reciprocal", "ThresholdedRelu",
                    "Trilu",      "CastLike",
                    "Cast",       "Shrink"});
    add({each<2>}, {"DequantizeLinear", "QuantizeLinear", "DynamicQuantizeLinear", "Dropout",
                    "BatchNormalization", "HardSigmoid", "HardSwish"});
    add({each<5>}, {"Softmax",  "LogSoftmax", "Hardmax", "Exp",    "Log",      "Sqrt",
                    "Pow",      "Sin",        "Cos",     "Tan",    "Asin",     "Acos",
                    "Atan",     "Sinh",       "Cosh",    "Asinh",  "Acosh",    "Atanh",
                    "Tanh",     "Sigmoid",    "Elu",     "Selu",   "Celu",     "Softplus",
                    "Softsign", "Mish",       "Swish",   "Resize", "Upsample", "GridSample"});
    add({each<10>}, {"Erf", "Gelu", "LayerNormalization", "GroupNormalization",
                     "InstanceNormalization", "RMSNormalization", "MeanVarianceNormalization",
                     "LpNormalization", "LRN", "RotaryEmbedding", "RandomNormal",
                     "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial",
                     "Bernoulli", "SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"});
    add({each<0>},
        {"Transpose", "Concat",          "Split",           "Pad",       "Expand",
         "Tile",      "DepthToSpace",    "SpaceToDepth",    "ScatterND", "ScatterElements",
         "Scatter",   "ConstantOfShape", "Constant",        "Range",     "OneHot",
         "EyeLike",   "Compress",        "ReverseSequence", "Shape",     "Size"});
    add({each<0>, Traffic::view}, {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"});
    add({each<0>, Traffic::picks}, {"Gather", "GatherND", "GatherElements", "Slice"});
    return table;
  }();
  return kFormulas;
}

const std::map<std::string_view, Formula>& microsoft_formulas() {
  static const std::map<std::string_view, Formula> kFormulas = {
      {"Attention", {projecting_attention}},
      {"MultiHeadAttention", {attention}},
      {"FusedMatMul", {matrix_product}},
      {"FusedConv", {convolution}},
      {"Gelu", {each<10>}},
      {"FastGelu", {each<10>}},
      {"BiasGelu", {each<10>}},
      {"QuickGelu", {each<10>}},
      {"SkipLayerNormalization", {each<10>}},
      {"SimplifiedLayerNormalization", {each<10>}},
  };
  return kFormulas;
}

const Formula* find_formula(const NetworkOperator& op) {
  const bool microsoft = op.domain == "com.microsoft";
  if (!op.domain.empty() && !microsoft) return nullptr;
  const auto& table = microsoft ? microsoft_formulas() : formulas();
  const auto found = table.find(op.type);
  return found == table.end() ? nullptr : &found->second;
}

double bytes_moved(const View& view, Traffic traffic) {
  switch (traffic) {
    case Traffic::all:
      return view.bytes_in() + view.bytes_out();
    case Traffic::view:
      return 0;
    case Traffic::picks: {
      const NetworkValue* source = view.input(0);
      const double others = source == nullptr
                                ? view.bytes_in()
                                : view.bytes_in() - static_cast<double>(source->bytes.count());
      return 2 * view.bytes_out() + others;
    }
  }
  return 0;
}

// The type that the arithmetic is in: the first input's, where there is one.
ElementType arithmetic_type(const View& view) {
  if (const NetworkValue* value = view.input(0)) return value->type;
  if (const NetworkValue* value = view.output(0)) return value->type;
  return ElementType::float32;
}

Work plain_work(const View& view, Assumptions& assumptions) {
  const NetworkOperator& op = view.op();
  const Formula* formula = find_formula(op);
  if (formula == nullptr) {
    assumptions.unknown_types.insert(op.domain.empty() ? op.type
                                                       : fmt::format("{}::{}", op.domain, op.type));
    static constexpr Formula kOnePass{each<1>};
    formula = &kOnePass;
  }
  Work work;
  work.operations = formula->operations(view);
  work.bytes = bytes_moved(view, formula->traffic);
  work.launches = formula->traffic == Traffic::view ? 0 : 1;
  work.type = arithmetic_type(view);
  return work;
}

// What a body asks for when it runs once. Its arithmetic is of the type that most of it is in.
Work body_work(const Network& body, Assumptions& assumptions) {
  Work sum;
  std::map<ElementType, double> operations;
  for (const NetworkOperator& op : body.operators) {
    if (op.constant) continue;
    const Work work = work_of(body, op, assumptions);
    sum.operations += work.operations;
    sum.bytes += work.bytes;
    sum.launches += work.launches;
    operations[work.type] += work.operations;
  }
  double most = -1;
  for (const auto& [type, count] : operations) {
    if (count <= most) continue;
    most = count;
    sum.type = type;
  }
  return sum;
}

// A branch of If, or the trips of a loop; the dearest body counts.
Work control_flow_work(const NetworkOperator& op, Assumptions& assumptions) {
  Work dearest;
  for (const Network& body : op.bodies) {
    const Work work = body_work(body, assumptions);
    if (work.operations + work.bytes >= dearest.operations + dearest.bytes) dearest = work;
  }
  const bool loops = op.type == "Loop" || op.type == "Scan";
  if (loops && !op.trips) assumptions.unknown_trips.insert(op.id);
  const double trips = loops ? static_cast<double>(op.trips.value_or(1)) : 1;
  dearest.operations *= trips;
  dearest.bytes *= trips;
  dearest.launches = dearest.launches * trips + 1;
  return dearest;
}

}  // namespace

Work work_of(const Network& network, const NetworkOperator& op, Assumptions& assumptions) {
  const View view(network, op);
  if (view.reads_unknown()) assumptions.unknown_shapes.insert(op.id);
  return op.bodies.empty() ? plain_work(view, assumptions) : control_flow_work(op, assumptions);
}

}  // namespace cleave::estimate
