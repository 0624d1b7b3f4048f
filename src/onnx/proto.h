#pragma once

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/model/element_type.h"

// What the rest of the room says about the messages of an ONNX file.
namespace cleave::onnx {

namespace pb = ::onnx;

/// The domain of ONNX's own operators has two names; this is "" for both.
[[nodiscard]] std::string normalised_domain(const std::string& domain);

/// "operator 'encoder/add'", or by what it computes where it has no name. On one line, short.
[[nodiscard]] std::string describe(const pb::NodeProto& node);

/// A text of the file in quotes, on one line and short.
[[nodiscard]] std::string in_quotes(std::string_view text);

[[nodiscard]] const pb::AttributeProto* find_attribute(const pb::NodeProto& node,
                                                       std::string_view name);

/// nullopt: a type that no version of ONNX up to 1.20 has.
[[nodiscard]] std::optional<model::ElementType> element_type(std::int32_t data_type);

/// Bytes of a tensor; nullopt: negative dimensions, or more than Bytes::max().
[[nodiscard]] std::optional<base::Bytes> tensor_bytes(model::ElementType type,
                                                      const std::vector<std::int64_t>& shape);

/// REQUIRES: type and shape are valid.
[[nodiscard]] base::Bytes bytes_of(const pb::TensorProto& tensor);

/// Says that the tensor's bytes are in `location`, and drops those that it has itself.
void set_external(pb::TensorProto& tensor, const std::string& location, std::int64_t offset,
                  std::int64_t length);

/// The graphs that are attributes of the node: bodies of If, Loop, Scan, in the order of the file.
[[nodiscard]] std::vector<const pb::GraphProto*> bodies(const pb::NodeProto& node);
[[nodiscard]] std::vector<pb::GraphProto*> bodies(pb::NodeProto& node);

}  // namespace cleave::onnx
