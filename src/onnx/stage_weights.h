#pragma once

#include <filesystem>
#include <string>

#include "cleave/base/result.h"
#include "onnx/proto.h"

namespace cleave::onnx {

/// Makes the weights of a stage its own: none of them is in a file of the original model any more.
/// Where they take more than 64 MiB, large ones go into the file `data_file` of `to`, which is then
/// the result; otherwise all are in the message and the result is empty. `from` is the folder of
/// the original. Errors: a file that cannot be read or written.
[[nodiscard]] base::Result<std::string> take_weights(pb::GraphProto& stage,
                                                     const std::filesystem::path& from,
                                                     const std::filesystem::path& to,
                                                     const std::string& data_file);

/// Error: a model of more than 2 GiB, or a file that cannot be written.
[[nodiscard]] base::Status save(const pb::ModelProto& model, const std::filesystem::path& file);

}  // namespace cleave::onnx
