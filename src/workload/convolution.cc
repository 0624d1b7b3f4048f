// ResNet-50 (He et al., 2016), operator by operator, and a network of Inception-like blocks
// (after Szegedy et al., 2016) whose width and depth are parameters.

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "workload/families.h"
#include "workload/sketch.h"

namespace cleave::workload {

namespace {

using Value = Sketch::Value;

constexpr std::array kResnet50Parameters{
    Parameter{"image", 224, 32, 4096, "pixels along a side of the image"}, kBatch, kLink, kSeed};
constexpr std::array kInceptionParameters{
    Parameter{"blocks", 10, 1, 1000, "blocks, one after another"},
    Parameter{"branches", 8, 1, 64, "parallel branches of a block"},
    Parameter{"operators", 6, 1, 64, "convolutions of a branch, one after another"},
    Parameter{"width", 192, 1, 4096, "channels of a branch"},
    Parameter{"image", 299, 32, 4096, "pixels along a side of the image"},
    kBatch,
    kLink,
    kSeed};

// Square feature maps flowing through layers.
struct Maps {
  Value value;
  std::int64_t channels;
  std::int64_t side;
};

constexpr std::int64_t halve(std::int64_t side) { return (side + 1) / 2; }

class Network {
 public:
  Network(const Values& values, Sketch& sketch) : sketch_(sketch), batch_(values["batch"]) {}

  Maps image(std::int64_t side) { return add("image", {}, 0, 0, 3, side); }

  /// A kernel of kernel_area pixels at each pixel of the output.
  Maps convolve(std::string id, const Maps& x, std::int64_t channels, std::int64_t kernel_area,
                std::int64_t side) {
    const std::int64_t taps = x.channels * kernel_area;
    return add(std::move(id), {x.value}, 2 * taps, kNumber * taps * channels, channels, side);
  }

  Maps elementwise(std::string id, const std::vector<Maps>& inputs, std::int64_t flops_each) {
    return add(std::move(id), values_of(inputs), flops_each, 0, inputs[0].channels, inputs[0].side);
  }

  Maps pool(std::string id, const Maps& x, std::int64_t kernel_area, std::int64_t side) {
    return add(std::move(id), {x.value}, kernel_area, 0, x.channels, side);
  }

  Maps concatenate(std::string id, const std::vector<Maps>& inputs) {
    std::int64_t channels = 0;
    for (const Maps& x : inputs) channels += x.channels;
    return add(std::move(id), values_of(inputs), 0, 0, channels, inputs[0].side);
  }

  // Convolution, batch normalisation and, where `active`, ReLU: 2 or 3 operators.
  Maps unit(const std::string& prefix, const Maps& x, std::int64_t channels,
            std::int64_t kernel_area, std::int64_t side, bool active) {
    const Maps convolved = convolve(prefix + "/convolution", x, channels, kernel_area, side);
    const Maps normal = elementwise(prefix + "/norm", {convolved}, 4);
    return active ? elementwise(prefix + "/relu", {normal}, 1) : normal;
  }

  // Average over the pixels, fully connected layer, softmax: 3 operators.
  void classify(const Maps& x) {
    constexpr std::int64_t kClasses = 1000;
    const Maps average = pool("head/average", x, x.side * x.side, 1);
    const Maps logits = convolve("head/logits", average, kClasses, 1, 1);
    elementwise("head/softmax", {logits}, 5);
  }

 private:
  Maps add(std::string id, const std::vector<Value>& inputs, std::int64_t flops_each,
           std::int64_t weights, std::int64_t channels, std::int64_t side) {
    const std::int64_t numbers = batch_ * channels * side * side;
    const Work work{flops_each * numbers, weights, kNumber * numbers};
    return {sketch_.add(std::move(id), work, inputs), channels, side};
  }

  static std::vector<Value> values_of(const std::vector<Maps>& inputs) {
    std::vector<Value> values;
    for (const Maps& x : inputs) values.push_back(x.value);
    return values;
  }

  Sketch& sketch_;
  std::int64_t batch_;
};

// 10 operators; 12 where the shape changes and the shortcut needs a projection.
Maps bottleneck(Network& net, const std::string& prefix, const Maps& x, std::int64_t width,
                std::int64_t side) {
  const std::int64_t out = 4 * width;
  const Maps reduced = net.unit(prefix + "/reduce", x, width, 1, x.side, true);
  const Maps middle = net.unit(prefix + "/middle", reduced, width, 9, side, true);
  const Maps expanded = net.unit(prefix + "/expand", middle, out, 1, side, false);
  const bool same = x.channels == out && x.side == side;
  const Maps shortcut = same ? x : net.unit(prefix + "/shortcut", x, out, 1, side, false);
  const Maps sum = net.elementwise(prefix + "/add", {expanded, shortcut}, 1);
  return net.elementwise(prefix + "/relu", {sum}, 1);
}

// 1 × 1, then 1 × 7 and 7 × 1 in turn, as in Inception-v3's middle blocks.
Maps branch(Network& net, const std::string& prefix, const Maps& x, std::int64_t operators,
            std::int64_t width) {
  Maps at = x;
  for (std::int64_t i = 0; i < operators; ++i) {
    at =
        net.convolve(fmt::format("{}/convolution{}", prefix, i), at, width, i == 0 ? 1 : 7, x.side);
  }
  return at;
}

Sketch start(const Values& values) {
  return Sketch(Sketch::gigabytes_per_second(values["link"]),
                static_cast<std::uint64_t>(values["seed"]));
}

}  // namespace

std::span<const Parameter> resnet50_parameters() { return kResnet50Parameters; }
std::span<const Parameter> inception_parameters() { return kInceptionParameters; }

base::Result<model::Graph> build_resnet50(const Values& values, bool training) {
  Sketch sketch = start(values);
  Network net(values, sketch);
  Maps x = net.image(values["image"]);
  x = net.unit("stem", x, 64, 49, halve(x.side), true);
  x = net.pool("stem/pool", x, 9, halve(x.side));
  constexpr std::array kBlocks{3, 4, 6, 3};
  std::int64_t width = 64;
  for (std::size_t s = 0; s < kBlocks.size(); ++s) {
    const std::int64_t side = s == 0 ? x.side : halve(x.side);
    for (int b = 0; b < kBlocks[s]; ++b) {
      x = bottleneck(net, fmt::format("stage{}/block{}", s, b), x, width, side);
    }
    width *= 2;
  }
  net.classify(x);
  return std::move(sketch).finish(training);
}

base::Result<model::Graph> build_inception(const Values& values, bool training) {
  Sketch sketch = start(values);
  Network net(values, sketch);
  Maps x = net.image(values["image"]);
  for (int i = 0; i < 4; ++i) {
    x = net.unit(fmt::format("stem{}", i), x, 32 << i, 9, halve(x.side), true);
  }
  for (std::int64_t b = 0; b < values["blocks"]; ++b) {
    std::vector<Maps> branches;
    for (std::int64_t r = 0; r < values["branches"]; ++r) {
      branches.push_back(branch(net, fmt::format("block{}/branch{}", b, r), x, values["operators"],
                                values["width"]));
    }
    x = net.concatenate(fmt::format("block{}/concatenate", b), branches);
  }
  net.classify(x);
  return std::move(sketch).finish(training);
}

}  // namespace cleave::workload
