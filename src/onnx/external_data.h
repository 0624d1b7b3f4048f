#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "cleave/base/result.h"
#include "onnx/proto.h"

namespace cleave::onnx {

/// Where the bytes of a tensor are.
struct Extent {
  std::filesystem::path file;
  std::int64_t offset = 0;
  std::optional<std::int64_t> length;  ///< nullopt: all that the shape takes
};
/// Of a tensor whose bytes are in a file. Error: an entry that is no number, or a file outside of
/// `folder`.
[[nodiscard]] base::Result<Extent> find_extent(const pb::TensorProto& tensor,
                                               const std::filesystem::path& folder);

/// Puts the bytes into the tensor itself. REQUIRES: settle_external_data passed.
[[nodiscard]] base::Status embed(pb::TensorProto& tensor, const std::filesystem::path& folder);

/// Checks that each weight that is in a file of its own is really there: inside `folder`, as long
/// as declared. Reads none of them, but for small integer tensors, because shapes may depend on
/// them; those are then as if they had been in the model file.
[[nodiscard]] base::Status settle_external_data(pb::GraphProto& graph,
                                                const std::filesystem::path& folder);

}  // namespace cleave::onnx
