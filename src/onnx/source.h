#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "cleave/onnx/read.h"
#include "onnx/proto.h"

namespace cleave::onnx {

/// What a model was read from, for those who write parts of it: functions inlined, shapes settled,
/// and weights still in their files.
struct Source {
  pb::ModelProto model;
  std::filesystem::path folder;  ///< where the files of weights are
};

/// The messages of a model file without the bytes of its large tensors. Those are described like
/// weights in a file of their own, which is the model file itself: nothing else has to know.
/// Error: not_found; bad_input, for what is no protobuf or larger than 2 GiB.
[[nodiscard]] base::Result<pb::ModelProto> load_messages(const std::filesystem::path& file);

/// Of a model file.
inline constexpr std::size_t kMaxModelBytes = 0x7fffffff;
[[nodiscard]] base::Error broken(std::string_view name);
[[nodiscard]] base::Error too_large(std::string_view name);

}  // namespace cleave::onnx
