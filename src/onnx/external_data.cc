#include "onnx/external_data.h"

#include <charconv>
#include <fstream>
#include <system_error>

namespace cleave::onnx {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kShapeBytes = 4096;

std::optional<std::int64_t> parse_count(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, value);
  if (fault != std::errc() || stop != end || value < 0) return std::nullopt;
  return value;
}

base::Status read_extent(pb::TensorProto& tensor, const Extent& extent, std::int64_t bytes) {
  std::string data(static_cast<std::size_t>(bytes), '\0');
  std::ifstream in(extent.file, std::ios::binary);
  in.seekg(extent.offset);
  if (!in.read(data.data(), bytes)) {
    return base::Error{base::ErrorCode::not_found,
                       fmt::format("cannot read its file {}", in_quotes(extent.file.string())),
                       "weight " + in_quotes(tensor.name())};
  }
  tensor.set_raw_data(std::move(data));
  tensor.clear_external_data();
  tensor.clear_data_location();
  return std::monostate{};
}

base::Status settle(pb::TensorProto& tensor, const fs::path& folder) {
  const auto extent = find_extent(tensor, folder);
  if (!extent) return extent.error();
  const std::string place = "weight " + in_quotes(tensor.name());
  std::error_code fault;
  const auto size = fs::file_size(extent->file, fault);
  if (fault) {
    return base::Error{base::ErrorCode::not_found,
                       fmt::format("cannot read its file {}: {}", in_quotes(extent->file.string()),
                                   fault.message()),
                       place};
  }
  const auto type = element_type(tensor.data_type());
  const auto bytes =
      type ? tensor_bytes(*type, {tensor.dims().begin(), tensor.dims().end()}) : std::nullopt;
  if (!bytes) return base::bad_input("its type or shape is not valid", place);
  if (extent->length && *extent->length != bytes->count()) {
    return base::bad_input(fmt::format("its shape takes {} bytes, but it declares {}",
                                       bytes->count(), *extent->length),
                           place);
  }
  const auto available = static_cast<std::int64_t>(size) - extent->offset;
  if (available < extent->length.value_or(bytes->count())) {
    return base::bad_input(fmt::format("it takes {} bytes from byte {} of {}, which has only {}",
                                       extent->length.value_or(bytes->count()), extent->offset,
                                       in_quotes(extent->file.string()), size),
                           place);
  }
  const bool may_be_a_shape =
      (*type == model::ElementType::int64 || *type == model::ElementType::int32) &&
      bytes->count() <= kShapeBytes;
  return may_be_a_shape ? read_extent(tensor, *extent, bytes->count()) : std::monostate{};
}

}  // namespace

base::Result<Extent> find_extent(const pb::TensorProto& tensor, const fs::path& folder) {
  const std::string place = "weight " + in_quotes(tensor.name());
  Extent extent;
  std::string location;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() != "offset" && entry.key() != "length") continue;
    const auto count = parse_count(entry.value());
    if (!count) {
      return base::bad_input(fmt::format("its {} {} is not a whole number of at least 0",
                                         entry.key(), in_quotes(entry.value())),
                             place);
    }
    (entry.key() == "offset" ? extent.offset : extent.length.emplace()) = *count;
  }
  const fs::path inside = fs::path(location).lexically_normal();
  if (location.empty()) return base::bad_input("its file has no name", place);
  if (inside.is_absolute() || *inside.begin() == "..") {
    return base::bad_input(fmt::format("its file {} is outside of the model's folder, which is "
                                       "refused",
                                       in_quotes(location)),
                           place);
  }
  extent.file = folder / inside;
  return extent;
}

base::Status embed(pb::TensorProto& tensor, const fs::path& folder) {
  const auto extent = find_extent(tensor, folder);
  if (!extent) return extent.error();
  return read_extent(tensor, *extent, bytes_of(tensor).count());
}

base::Status settle_external_data(pb::GraphProto& graph, const fs::path& folder) {
  for (pb::TensorProto& tensor : *graph.mutable_initializer()) {
    if (tensor.data_location() != pb::TensorProto::EXTERNAL) continue;
    if (auto settled = settle(tensor, folder); !settled) return settled;
  }
  for (pb::NodeProto& node : *graph.mutable_node()) {
    for (pb::AttributeProto& attribute : *node.mutable_attribute()) {
      if (!attribute.has_t() || attribute.t().data_location() != pb::TensorProto::EXTERNAL)
        continue;
      if (auto settled = settle(*attribute.mutable_t(), folder); !settled) return settled;
    }
    for (pb::GraphProto* body : bodies(node)) {
      if (auto settled = settle_external_data(*body, folder); !settled) return settled;
    }
  }
  return std::monostate{};
}

}  // namespace cleave::onnx
