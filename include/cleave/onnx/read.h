#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/network.h"

/// ONNX model files. Nothing of the onnx library shows here.
namespace cleave::onnx {

/// Sizes of dimensions that the file leaves open. A key is the name of a symbolic dimension
/// ("batch"), or VALUE.AXIS for one without a name ("images.0") or one that depends on data.
using Dimensions = std::map<std::string, std::int64_t>;

/// What write_stages() cuts; see stages.h.
struct Source;

struct ModelFile {
  model::Network network;
  std::vector<std::string> notes;        ///< one sentence each: what could not be checked, and why
  std::shared_ptr<const Source> source;  ///< its weights stay in their files, if large
};

/// Whether a file that starts like this is to be read as an ONNX model: it is not text.
[[nodiscard]] bool is_model(std::string_view start);

/// Reads, checks and infers all types and shapes.
///
/// - Calls of the file's own functions are replaced by their bodies; operators inside are called
///   "CALL/OPERATOR". If, Loop and Scan stay whole; what they capture is in their `captured`.
/// - Operators without a name get one from type and position, such as "Relu_17"; further operators
///   of one name get "NAME#2".
/// - Large weights are not read, wherever they are, only their sizes are checked; small integer
///   tensors are, because shapes may depend on them. Files of weights must be in the model's
///   folder.
/// - An operator type that the onnx library does not know is kept; its shapes must be in the file.
///
/// Errors: not_found where the file cannot be read, else bad_input: not a model, larger than 2 GiB
/// (keep weights in files of their own), not valid, a dimension or shape that stays open (the
/// message has the key for `dimensions` where one would help). O(file), plus the library's shape
/// inference. Thread-safe.
[[nodiscard]] base::Result<ModelFile> read_model(const std::filesystem::path& file,
                                                 const Dimensions& dimensions);
/// The same from memory; `name` stands for the file in errors, `folder` is where weights would be.
[[nodiscard]] base::Result<ModelFile> parse_model(std::string_view bytes, std::string_view name,
                                                  const std::filesystem::path& folder,
                                                  const Dimensions& dimensions);

}  // namespace cleave::onnx
