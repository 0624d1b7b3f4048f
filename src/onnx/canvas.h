#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <vector>

#include "cleave/base/result.h"
#include "onnx/proto.h"

namespace cleave::onnx {

/// A model under construction: operators on values, which are known by their names. Weights are
/// drawn when the model is written, uniformly from centre ± spread.
class Canvas {
 public:
  using Value = std::string;
  using Shape = std::vector<std::int64_t>;

  Canvas(std::string name, std::uint64_t seed);

  /// A size of −1 is the open dimension "batch".
  Value input(const std::string& name, pb::TensorProto::DataType type, const Shape& shape);
  void output(const Value& value, const Shape& shape);
  Value weight(const std::string& name, const Shape& shape, double centre, double spread);
  /// A weight whose products with values around 1 stay around 1: ± sqrt(3 / inputs).
  Value matrix(const std::string& name, const Shape& shape, std::int64_t inputs);
  Value integers(const std::string& name, const std::vector<std::int64_t>& values);
  Value number(const std::string& name, float value);

  struct Attribute {
    std::string name;
    std::vector<std::int64_t> values;
    bool list = false;
  };
  /// Adds an operator; its result has its name.
  Value add(const std::string& type, const std::string& name, const std::vector<Value>& inputs,
            std::initializer_list<Attribute> attributes = {});

  [[nodiscard]] base::Status write(const std::filesystem::path& file) const;

 private:
  struct Weight {
    std::string name;
    Shape shape;
    double centre, spread;
  };

  pb::ModelProto model_;
  std::uint64_t seed_;
  std::vector<Weight> weights_;
};

}  // namespace cleave::onnx
