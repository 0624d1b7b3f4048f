#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/element_type.h"

/// Running ONNX models with ONNX Runtime on the processor. Nothing of ONNX Runtime shows here.
namespace cleave::runtime {

/// The elements of a tensor, in row-major order and this machine's byte order.
struct Tensor {
  std::string name;
  model::ElementType type = model::ElementType::float32;
  std::vector<std::int64_t> shape;  ///< each ≥ 0; empty: a scalar
  std::vector<std::byte> data;      ///< size_of(type, shape) bytes
};

/// What a model reads or computes, as its file declares it.
struct Port {
  std::string name;
  model::ElementType type = model::ElementType::float32;
  std::vector<std::int64_t> shape;  ///< −1: open, the tensor that is given decides
};

/// Bytes of a tensor's elements; types of less than a byte are packed. REQUIRES: no dimension < 0.
[[nodiscard]] std::size_t size_of(model::ElementType type, std::span<const std::int64_t> shape);

struct SessionOptions {
  int threads = 1;       ///< that compute one operator together; ≥ 1
  bool optimize = true;  ///< false: operators run as the file has them, none fused or folded
  /// Where ONNX Runtime writes its own profile: a prefix of a file name. Empty: nowhere.
  std::filesystem::path profile_prefix{};
};

/// A model that is ready to run. Movable; may be used by one thread at a time.
class Session {
 public:
  /// Errors: not_found where the file does not exist; bad_input where ONNX Runtime does not take
  /// the model, or an input or output is no tensor of numbers (text, sequences, maps).
  [[nodiscard]] static base::Result<Session> open(const std::filesystem::path& model,
                                                  const SessionOptions& options = {});
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  [[nodiscard]] const std::vector<Port>& inputs() const;
  [[nodiscard]] const std::vector<Port>& outputs() const;

  /// All outputs, in the order of outputs(), from inputs in any order. Errors: bad_input where an
  /// input is missing, unknown, or of another type or shape than declared; internal where ONNX
  /// Runtime fails at computing.
  [[nodiscard]] base::Result<std::vector<Tensor>> run(std::span<const Tensor> inputs);

  /// Ends profiling. The file that was written. REQUIRES: a profile_prefix, and called once.
  [[nodiscard]] base::Result<std::filesystem::path> end_profiling();

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// "ONNX Runtime 1.23.2": what runs models here.
[[nodiscard]] std::string runtime_version();

/// Random values for ports, whose open dimensions are taken from `shapes` where a tensor there has
/// the port's name, and else are 1. Floating point in [−1, 1); integers and truth values 0 or 1,
/// which are indices into anything with two elements. Each tensor depends on `seed` and its name
/// alone, so that whoever needs it makes the same. Error: bad_input for a type without arithmetic.
struct NamedShape {
  std::string name;
  std::vector<std::int64_t> shape;
};
[[nodiscard]] base::Result<std::vector<Tensor>> random_tensors(
    std::span<const Port> ports, std::uint64_t seed, std::span<const NamedShape> shapes = {});

}  // namespace cleave::runtime
