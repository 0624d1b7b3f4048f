#include "onnx/stage_weights.h"

#include <algorithm>
#include <fstream>
#include <string_view>
#include <vector>

#include "onnx/external_data.h"
#include "onnx/source.h"

namespace cleave::onnx {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kInlineBytes = std::int64_t{64} << 20;
// Below it, a weight stays in the message: shapes may depend on it.
constexpr std::int64_t kSmallBytes = 4096;
// Runtimes map files into memory page by page.
constexpr std::int64_t kAlignment = 4096;

bool is_external(const pb::TensorProto& tensor) {
  return tensor.data_location() == pb::TensorProto::EXTERNAL;
}

// A file of weights that is being written.
class DataFile {
 public:
  DataFile(const fs::path& folder, const std::string& name)
      : path_(folder / name), name_(name), out_(path_, std::ios::binary | std::ios::trunc) {}

  base::Status take(pb::TensorProto& tensor, const fs::path& from) {
    const std::int64_t length = bytes_of(tensor).count();
    const std::int64_t offset = (end_ + kAlignment - 1) / kAlignment * kAlignment;
    out_.seekp(offset);
    if (!is_external(tensor)) {
      out_ << tensor.raw_data();
    } else if (auto copied = copy(tensor, from, length); !copied) {
      return copied;
    }
    end_ = offset + length;
    set_external(tensor, name_, offset, length);
    return out_ ? std::monostate{} : cannot_write();
  }

  base::Status finish() {
    out_.close();
    return out_ ? base::Status(std::monostate{}) : cannot_write();
  }

 private:
  base::Status copy(const pb::TensorProto& tensor, const fs::path& from, std::int64_t length) {
    const auto extent = find_extent(tensor, from);
    if (!extent) return extent.error();
    std::ifstream in(extent->file, std::ios::binary);
    in.seekg(extent->offset);
    std::vector<char> buffer(std::size_t{1} << 20);
    for (std::int64_t left = length; left > 0;) {
      const auto size = std::min(left, static_cast<std::int64_t>(buffer.size()));
      if (!in.read(buffer.data(), size)) {
        return base::Error{base::ErrorCode::not_found,
                           fmt::format("cannot read {}", in_quotes(extent->file.string())),
                           "weight " + in_quotes(tensor.name())};
      }
      out_.write(buffer.data(), size);
      left -= size;
    }
    return std::monostate{};
  }

  [[nodiscard]] base::Status cannot_write() const {
    return base::bad_input("cannot write the file", path_.string());
  }

  fs::path path_;
  std::string name_;
  std::ofstream out_;
  std::int64_t end_ = 0;
};

// Tensors that are attributes of operators, or weights of bodies.
base::Status embed_inner(pb::GraphProto& graph, bool is_body, const fs::path& from) {
  if (is_body) {
    for (pb::TensorProto& tensor : *graph.mutable_initializer()) {
      if (!is_external(tensor)) continue;
      if (auto done = embed(tensor, from); !done) return done;
    }
  }
  for (pb::NodeProto& node : *graph.mutable_node()) {
    for (pb::AttributeProto& attribute : *node.mutable_attribute()) {
      if (!attribute.has_t() || !is_external(attribute.t())) continue;
      if (auto done = embed(*attribute.mutable_t(), from); !done) return done;
    }
    for (pb::GraphProto* body : bodies(node)) {
      if (auto done = embed_inner(*body, true, from); !done) return done;
    }
  }
  return std::monostate{};
}

}  // namespace

base::Result<std::string> take_weights(pb::GraphProto& stage, const fs::path& from,
                                       const fs::path& to, const std::string& data_file) {
  if (auto done = embed_inner(stage, false, from); !done) return done.error();
  std::int64_t bytes = 0;
  for (const pb::TensorProto& tensor : stage.initializer()) bytes += bytes_of(tensor).count();
  if (bytes <= kInlineBytes) {
    for (pb::TensorProto& tensor : *stage.mutable_initializer()) {
      if (!is_external(tensor)) continue;
      if (auto done = embed(tensor, from); !done) return done.error();
    }
    return std::string();
  }
  DataFile file(to, data_file);
  for (pb::TensorProto& tensor : *stage.mutable_initializer()) {
    const bool small = bytes_of(tensor).count() < kSmallBytes;
    if (small && is_external(tensor)) {
      if (auto done = embed(tensor, from); !done) return done.error();
    } else if (!small && (is_external(tensor) || tensor.has_raw_data())) {
      if (auto done = file.take(tensor, from); !done) return done.error();
    }
  }
  if (auto done = file.finish(); !done) return done.error();
  return data_file;
}

base::Status save(const pb::ModelProto& model, const fs::path& file) {
  if (model.ByteSizeLong() > kMaxModelBytes) {
    return base::bad_input("takes more than 2 GiB without what could be in a file of weights",
                           file.string());
  }
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  if (model.SerializeToOstream(&out) && out.flush()) return std::monostate{};
  return base::bad_input("cannot write the file", file.string());
}

}  // namespace cleave::onnx
