#include "cleave/onnx/generate.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <exception>
#include <string>

#include "onnx/canvas.h"

namespace cleave::onnx {
namespace {

using base::Parameter;
using base::Values;
using Value = Canvas::Value;

constexpr std::int64_t kMostSize = 1 << 20;
constexpr Parameter kBatch{"batch", 1, 0, kMostSize,
                           "samples in an input; 0: open, to be given with --dim batch=N"};
constexpr Parameter kSeed{"seed", 1, 0, std::int64_t{1} << 40, "of the weights"};

std::int64_t batch_of(const Values& values) { return values["batch"] == 0 ? -1 : values["batch"]; }

Canvas start(std::string_view name, const Values& values) {
  return Canvas(std::string(name), static_cast<std::uint64_t>(values["seed"]));
}

Value dense(Canvas& canvas, const std::string& name, const Value& x, std::int64_t in,
            std::int64_t out) {
  const Value product = canvas.add("MatMul", name, {x, canvas.matrix(name + "/w", {in, out}, in)});
  return canvas.add("Add", name + "/add_bias",
                    {product, canvas.weight(name + "/b", {out}, 0, 0.1)});
}

// Transformer encoder (Vaswani et al., 2017; normalised before each part): tokens in, states out.

constexpr std::array kTransformerParameters{
    Parameter{"layers", 4, 1, 1000, "layers, each with attention and a feed-forward part"},
    Parameter{"hidden", 256, 1, 65536, "width of a token's state, a multiple of the heads"},
    Parameter{"heads", 4, 1, 1024, "attention heads"},
    Parameter{"sequence", 128, 1, kMostSize, "tokens in a sample"},
    Parameter{"vocabulary", 1000, 1, kMostSize, "different tokens"},
    kBatch,
    kSeed};

class Transformer {
 public:
  explicit Transformer(const Values& values)
      : canvas_(start("transformer", values)),
        batch_(batch_of(values)),
        layers_(values["layers"]),
        hidden_(values["hidden"]),
        heads_(values["heads"]),
        sequence_(values["sequence"]),
        vocabulary_(values["vocabulary"]) {}

  Canvas draw() && {
    const Value tokens = canvas_.input("tokens", pb::TensorProto::INT64, {batch_, sequence_});
    settle_shapes(tokens);
    scale_ = canvas_.number("scale", static_cast<float>(std::sqrt(static_cast<double>(hidden_) /
                                                                  static_cast<double>(heads_))));
    half_ = canvas_.number("half", 0.5F);
    one_ = canvas_.number("one", 1.0F);
    root_of_two_ = canvas_.number("root_of_two", std::sqrt(2.0F));
    Value x = canvas_.add("Gather", "embed",
                          {canvas_.weight("embed/table", {vocabulary_, hidden_}, 0, 1), tokens});
    x = canvas_.add("Add", "embed/add_positions",
                    {x, canvas_.weight("embed/positions", {sequence_, hidden_}, 0, 1)});
    for (std::int64_t l = 0; l < layers_; ++l) {
      x = attention(fmt::format("layer{}/attention", l), x);
      x = feed_forward(fmt::format("layer{}/feed_forward", l), x);
    }
    canvas_.output(norm("norm", x), {batch_, sequence_, hidden_});
    return std::move(canvas_);
  }

 private:
  // [batch, sequence, heads, width] and back, with the batch taken from the input's shape, as
  // exporters write it.
  void settle_shapes(const Value& tokens) {
    const Value shape = canvas_.add("Shape", "shape", {tokens});
    const Value batch = canvas_.add("Gather", "batch_size", {shape, canvas_.integers("zero", {0})});
    split_ = canvas_.add("Concat", "split_shape",
                         {batch, canvas_.integers("heads", {sequence_, heads_, hidden_ / heads_})},
                         {{"axis", {0}}});
    joined_ =
        canvas_.add("Concat", "joined_shape",
                    {batch, canvas_.integers("joined", {sequence_, hidden_})}, {{"axis", {0}}});
  }

  Value norm(const std::string& name, const Value& x) {
    return canvas_.add("LayerNormalization", name,
                       {x, canvas_.weight(name + "/scale", {hidden_}, 1, 0.1),
                        canvas_.weight(name + "/bias", {hidden_}, 0, 0.1)},
                       {{"axis", {-1}}});
  }

  // [batch, heads, sequence, width], or with the last two exchanged.
  Value split_heads(const std::string& name, const Value& x,
                    const std::vector<std::int64_t>& perm) {
    const Value flat = dense(canvas_, name, x, hidden_, hidden_);
    return canvas_.add("Transpose", name + "/transpose",
                       {canvas_.add("Reshape", name + "/split", {flat, split_})},
                       {{"perm", perm, true}});
  }

  Value attention(const std::string& name, const Value& x) {
    const Value y = norm(name + "/norm", x);
    const Value query = split_heads(name + "/query", y, {0, 2, 1, 3});
    const Value key = split_heads(name + "/key", y, {0, 2, 3, 1});
    const Value value = split_heads(name + "/value", y, {0, 2, 1, 3});
    const Value scores = canvas_.add(
        "Div", name + "/scale", {canvas_.add("MatMul", name + "/scores", {query, key}), scale_});
    const Value weights = canvas_.add("Softmax", name + "/softmax", {scores}, {{"axis", {-1}}});
    const Value context = canvas_.add("Transpose", name + "/merge",
                                      {canvas_.add("MatMul", name + "/context", {weights, value})},
                                      {{"perm", {0, 2, 1, 3}, true}});
    const Value joined = canvas_.add("Reshape", name + "/join", {context, joined_});
    return canvas_.add("Add", name + "/residual",
                       {x, dense(canvas_, name + "/project", joined, hidden_, hidden_)});
  }

  // With the Gaussian error linear unit: x/2 · (1 + erf(x / √2)).
  Value feed_forward(const std::string& name, const Value& x) {
    const Value y = dense(canvas_, name + "/expand", norm(name + "/norm", x), hidden_, 4 * hidden_);
    const Value error =
        canvas_.add("Erf", name + "/erf", {canvas_.add("Div", name + "/scale", {y, root_of_two_})});
    const Value gate = canvas_.add("Add", name + "/shift", {error, one_});
    const Value wide =
        canvas_.add("Mul", name + "/gelu", {canvas_.add("Mul", name + "/gate", {y, gate}), half_});
    return canvas_.add("Add", name + "/residual",
                       {x, dense(canvas_, name + "/contract", wide, 4 * hidden_, hidden_)});
  }

  Canvas canvas_;
  std::int64_t batch_, layers_, hidden_, heads_, sequence_, vocabulary_;
  Value split_, joined_, scale_, half_, one_, root_of_two_;
};

base::Result<Canvas> draw_transformer(const Values& values) {
  if (values["hidden"] % values["heads"] != 0) {
    return base::bad_input(
        fmt::format("the width {} of network transformer is no multiple of its "
                    "{} heads",
                    values["hidden"], values["heads"]));
  }
  return Transformer(values).draw();
}

// Residual network (He et al., 2015) of blocks with two convolutions; the width doubles and the
// image halves from one group of blocks to the next.

constexpr std::array kResnetParameters{
    Parameter{"groups", 4, 1, 8, "groups of blocks"},
    Parameter{"blocks", 2, 1, 100, "blocks of a group"},
    Parameter{"width", 32, 1, 4096, "channels of the first group"},
    Parameter{"image", 64, 1, 4096, "pixels along a side of the image"},
    Parameter{"classes", 100, 1, kMostSize, "classes to tell apart"},
    kBatch,
    kSeed};

class Resnet {
 public:
  explicit Resnet(const Values& values) : values_(values), canvas_(start("resnet", values)) {}

  Canvas draw() && {
    const std::int64_t batch = batch_of(values_);
    const Value image = canvas_.input("image", pb::TensorProto::FLOAT,
                                      {batch, 3, values_["image"], values_["image"]});
    std::int64_t width = values_["width"];
    Value x = relu("stem", normalised("stem", image, 3, width, 3, 1));
    std::int64_t in = width;
    for (std::int64_t g = 0; g < values_["groups"]; ++g) {
      for (std::int64_t b = 0; b < values_["blocks"]; ++b) {
        const std::int64_t stride = g > 0 && b == 0 ? 2 : 1;
        x = block(fmt::format("group{}/block{}", g, b), x, in, width, stride);
        in = width;
      }
      width *= 2;
    }
    x = canvas_.add("Flatten", "flatten", {canvas_.add("GlobalAveragePool", "pool", {x})});
    canvas_.output(dense(canvas_, "classify", x, in, values_["classes"]),
                   {batch, values_["classes"]});
    return std::move(canvas_);
  }

 private:
  Value relu(const std::string& name, const Value& x) {
    return canvas_.add("Relu", name + "/relu", {x});
  }

  Value normalised(const std::string& name, const Value& x, std::int64_t in, std::int64_t out,
                   std::int64_t kernel, std::int64_t stride) {
    const std::int64_t pad = kernel / 2;
    const Value y = canvas_.add(
        "Conv", name + "/conv",
        {x, canvas_.matrix(name + "/conv/w", {out, in, kernel, kernel}, in * kernel * kernel)},
        {{"strides", {stride, stride}, true}, {"pads", {pad, pad, pad, pad}, true}});
    const std::string norm = name + "/norm";
    return canvas_.add("BatchNormalization", norm,
                       {y, canvas_.weight(norm + "/scale", {out}, 1, 0.1),
                        canvas_.weight(norm + "/bias", {out}, 0, 0.1),
                        canvas_.weight(norm + "/mean", {out}, 0, 0.1),
                        canvas_.weight(norm + "/variance", {out}, 1, 0.1)});
  }

  Value block(const std::string& name, const Value& x, std::int64_t in, std::int64_t out,
              std::int64_t stride) {
    const Value first = relu(name + "/first", normalised(name + "/first", x, in, out, 3, stride));
    const Value second = normalised(name + "/second", first, out, out, 3, 1);
    const bool same = in == out && stride == 1;
    const Value shortcut = same ? x : normalised(name + "/shortcut", x, in, out, 1, stride);
    return relu(name, canvas_.add("Add", name + "/residual", {second, shortcut}));
  }

  const Values& values_;
  Canvas canvas_;
};

base::Result<Canvas> draw_resnet(const Values& values) { return Resnet(values).draw(); }

// Layers of long short-term memory, one operator each, and a classifier of each step.

constexpr std::array kLstmParameters{
    Parameter{"layers", 4, 1, 1000, "layers, one on top of another"},
    Parameter{"hidden", 128, 1, 65536, "width of a state"},
    Parameter{"sequence", 32, 1, kMostSize, "steps in a sample"},
    Parameter{"classes", 100, 1, kMostSize, "classes to tell apart at each step"},
    kBatch,
    kSeed};

base::Result<Canvas> draw_lstm(const Values& values) {
  Canvas canvas = start("lstm", values);
  const std::int64_t hidden = values["hidden"];
  const std::int64_t steps = values["sequence"];
  Value x = canvas.input("x", pb::TensorProto::FLOAT, {steps, batch_of(values), hidden});
  const Value direction = canvas.integers("direction", {1});
  for (std::int64_t l = 0; l < values["layers"]; ++l) {
    const std::string layer = fmt::format("layer{}", l);
    const Value states =
        canvas.add("LSTM", layer,
                   {x, canvas.matrix(layer + "/w", {1, 4 * hidden, hidden}, hidden),
                    canvas.matrix(layer + "/r", {1, 4 * hidden, hidden}, hidden),
                    canvas.weight(layer + "/b", {1, 8 * hidden}, 0, 0.1)},
                   {{"hidden_size", {hidden}}});
    x = canvas.add("Squeeze", layer + "/squeeze", {states, direction});
  }
  canvas.output(dense(canvas, "classify", x, hidden, values["classes"]),
                {steps, batch_of(values), values["classes"]});
  return canvas;
}

struct Entry {
  Architecture architecture;
  base::Result<Canvas> (*draw)(const Values& values);
};

constexpr std::array kEntries{
    Entry{
        {"transformer", "ONNX: transformer encoder from tokens to states", kTransformerParameters},
        draw_transformer},
    Entry{{"resnet", "ONNX: residual network that classifies images", kResnetParameters},
          draw_resnet},
    Entry{{"lstm", "ONNX: layers of long short-term memory", kLstmParameters}, draw_lstm},
};

constexpr auto kArchitectures = [] {
  std::array<Architecture, kEntries.size()> all;
  for (std::size_t i = 0; i < kEntries.size(); ++i) all[i] = kEntries[i].architecture;
  return all;
}();

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

base::Status generate_model(std::string_view architecture,
                            const std::vector<base::Setting>& settings,
                            const std::filesystem::path& file) {
  for (const Entry& entry : kEntries) {
    const Architecture& known = entry.architecture;
    if (known.name != architecture) continue;
    const auto values =
        Values::create(fmt::format("network {}", known.name), known.parameters, settings);
    if (!values) return values.error();
    const auto canvas = entry.draw(*values);
    if (!canvas) return canvas.error();
    return canvas->write(file);
  }
  std::string names;
  for (const Architecture& a : kArchitectures)
    names += (names.empty() ? "" : ", ") + std::string(a.name);
  return base::bad_input(
      fmt::format("there is no network '{}'; there are {}", architecture, names));
}

}  // namespace cleave::onnx
