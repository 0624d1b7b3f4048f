#include "onnx/canvas.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <utility>

#include "cleave/base/random.h"

namespace cleave::onnx {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNumberBytes = 4;
constexpr std::int64_t kInlineBytes = std::int64_t{512} << 20;
constexpr std::int64_t kAlignment = 4096;

std::int64_t count_elements(const Canvas::Shape& shape) {
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) elements *= size;
  return elements;
}

void set_shape(pb::ValueInfoProto& value, pb::TensorProto::DataType type,
               const Canvas::Shape& shape) {
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  for (const std::int64_t size : shape) {
    auto& dimension = *tensor.mutable_shape()->add_dim();
    if (size < 0) {
      dimension.set_dim_param("batch");
    } else {
      dimension.set_dim_value(size);
    }
  }
}

// Draws numbers a chunk at a time.
class Numbers {
 public:
  Numbers(std::uint64_t seed, double centre, double spread)
      : random_(seed), centre_(centre), spread_(spread) {}

  // The next `count` as bytes.
  std::string_view next(std::int64_t count) {
    numbers_.resize(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < numbers_.size(); i += 2) {
      const std::uint64_t bits = random_.bits();
      numbers_[i] = scaled(static_cast<std::uint32_t>(bits));
      if (i + 1 < numbers_.size()) numbers_[i + 1] = scaled(static_cast<std::uint32_t>(bits >> 32));
    }
    return {reinterpret_cast<const char*>(numbers_.data()), numbers_.size() * sizeof(float)};
  }

 private:
  [[nodiscard]] float scaled(std::uint32_t bits) const {
    return static_cast<float>(centre_ + spread_ * (static_cast<double>(bits) * 0x1.0p-31 - 1.0));
  }

  base::Random random_;
  double centre_, spread_;
  std::vector<float> numbers_;
};

base::Error cannot_write(const fs::path& file) {
  return base::bad_input("cannot write the file", file.string());
}

}  // namespace

Canvas::Canvas(std::string name, std::uint64_t seed) : seed_(seed) {
  model_.set_ir_version(8);
  model_.set_producer_name("cleave");
  model_.add_opset_import()->set_version(17);
  model_.mutable_graph()->set_name(std::move(name));
}

Canvas::Value Canvas::input(const std::string& name, pb::TensorProto::DataType type,
                            const Shape& shape) {
  pb::ValueInfoProto& value = *model_.mutable_graph()->add_input();
  value.set_name(name);
  set_shape(value, type, shape);
  return name;
}

void Canvas::output(const Value& value, const Shape& shape) {
  pb::ValueInfoProto& output = *model_.mutable_graph()->add_output();
  output.set_name(value);
  set_shape(output, pb::TensorProto::FLOAT, shape);
}

Canvas::Value Canvas::weight(const std::string& name, const Shape& shape, double centre,
                             double spread) {
  weights_.push_back({name, shape, centre, spread});
  return name;
}

Canvas::Value Canvas::matrix(const std::string& name, const Shape& shape, std::int64_t inputs) {
  return weight(name, shape, 0, std::sqrt(3.0 / static_cast<double>(inputs)));
}

Canvas::Value Canvas::integers(const std::string& name, const std::vector<std::int64_t>& values) {
  pb::TensorProto& tensor = *model_.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(pb::TensorProto::INT64);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  for (const std::int64_t value : values) tensor.add_int64_data(value);
  return name;
}

Canvas::Value Canvas::number(const std::string& name, float value) {
  pb::TensorProto& tensor = *model_.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(pb::TensorProto::FLOAT);
  tensor.add_float_data(value);
  return name;
}

Canvas::Value Canvas::add(const std::string& type, const std::string& name,
                          const std::vector<Value>& inputs,
                          std::initializer_list<Attribute> attributes) {
  pb::NodeProto& node = *model_.mutable_graph()->add_node();
  node.set_op_type(type);
  node.set_name(name);
  for (const Value& input : inputs) node.add_input(input);
  node.add_output(name);
  for (const Attribute& given : attributes) {
    pb::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(given.name);
    attribute.set_type(given.list ? pb::AttributeProto::INTS : pb::AttributeProto::INT);
    if (!given.list) attribute.set_i(given.values.front());
    if (given.list) *attribute.mutable_ints() = {given.values.begin(), given.values.end()};
  }
  return name;
}

base::Status Canvas::write(const fs::path& file) const {
  std::int64_t bytes = 0;
  for (const Weight& weight : weights_) bytes += kNumberBytes * count_elements(weight.shape);
  const bool external = bytes > kInlineBytes;
  const fs::path data_file = file.string() + ".weights";
  std::ofstream data;
  if (external) data.open(data_file, std::ios::binary | std::ios::trunc);

  pb::ModelProto model = model_;
  std::int64_t offset = 0;
  std::uint64_t seed = seed_ << 20;  // each weight has its own sequence
  for (const Weight& weight : weights_) {
    pb::TensorProto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name(weight.name);
    tensor.set_data_type(pb::TensorProto::FLOAT);
    *tensor.mutable_dims() = {weight.shape.begin(), weight.shape.end()};
    Numbers numbers(seed++, weight.centre, weight.spread);
    const std::int64_t count = count_elements(weight.shape);
    if (!external) {
      tensor.set_raw_data(std::string(numbers.next(count)));
      continue;
    }
    set_external(tensor, data_file.filename().string(), offset, kNumberBytes * count);
    data.seekp(offset);
    constexpr std::int64_t kChunk = 1 << 18;
    for (std::int64_t done = 0; done < count; done += kChunk) {
      data << numbers.next(std::min(kChunk, count - done));
    }
    offset += (kNumberBytes * count + kAlignment - 1) / kAlignment * kAlignment;
  }
  if (external && !data.flush()) return cannot_write(data_file);
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  if (!model.SerializeToOstream(&out) || !out.flush()) return cannot_write(file);
  return std::monostate{};
}

}  // namespace cleave::onnx
