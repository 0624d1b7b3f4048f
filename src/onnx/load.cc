#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include "onnx/source.h"

namespace cleave::onnx {
namespace {

namespace fs = std::filesystem;
namespace pio = google::protobuf::io;
using google::protobuf::internal::WireFormatLite;

// Smaller ones stay: shapes may depend on them.
constexpr std::uint32_t kKeptBytes = 4096;
constexpr int kMaxDepth = 100;

// The messages on the way to the bytes of a tensor.
enum class Message { model, graph, function, node, attribute, tensor };

struct Step {
  Message from;
  int field;
  Message to;
};
constexpr Step kSteps[] = {
    {Message::model, pb::ModelProto::kGraphFieldNumber, Message::graph},
    {Message::model, pb::ModelProto::kFunctionsFieldNumber, Message::function},
    {Message::graph, pb::GraphProto::kNodeFieldNumber, Message::node},
    {Message::graph, pb::GraphProto::kInitializerFieldNumber, Message::tensor},
    {Message::function, pb::FunctionProto::kNodeFieldNumber, Message::node},
    {Message::node, pb::NodeProto::kAttributeFieldNumber, Message::attribute},
    {Message::attribute, pb::AttributeProto::kTFieldNumber, Message::tensor},
    {Message::attribute, pb::AttributeProto::kGFieldNumber, Message::graph},
    {Message::attribute, pb::AttributeProto::kGraphsFieldNumber, Message::graph},
};

std::optional<Message> next_message(Message from, std::uint32_t tag) {
  if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
    return std::nullopt;
  }
  const int field = WireFormatLite::GetTagFieldNumber(tag);
  const auto step = std::find_if(std::begin(kSteps), std::end(kSteps),
                                 [&](const Step& s) { return s.from == from && s.field == field; });
  return step == std::end(kSteps) ? std::nullopt : std::optional(step->to);
}

// Copies a file's messages, but for the bytes of large tensors.
class Copier {
 public:
  Copier(pio::CodedInputStream& in, std::string file_name)
      : in_(&in), file_name_(std::move(file_name)) {}

  // The message up to the limit that is set, or the end of the file. False: it is broken.
  bool copy(Message message, int depth, std::string& copied) {
    pio::StringOutputStream stream(&copied);
    pio::CodedOutputStream out(&stream);
    while (const std::uint32_t tag = in_->ReadTag()) {
      const bool is_bytes =
          message == Message::tensor &&
          tag == WireFormatLite::MakeTag(pb::TensorProto::kRawDataFieldNumber,
                                         WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
      const auto next = next_message(message, tag);
      const bool done = is_bytes ? copy_bytes(tag, out)
                        : next   ? copy_part(*next, tag, depth, out)
                                 : WireFormatLite::SkipField(in_, tag, &out);
      if (!done) return false;
    }
    return in_->ConsumedEntireMessage();
  }

 private:
  bool copy_part(Message message, std::uint32_t tag, int depth, pio::CodedOutputStream& out) {
    std::uint32_t size = 0;
    if (depth == kMaxDepth || !read_size(size)) return false;
    const int end = in_->CurrentPosition() + static_cast<int>(size);
    const auto limit = in_->PushLimit(static_cast<int>(size));
    std::string part;
    if (!copy(message, depth + 1, part) || in_->CurrentPosition() != end) return false;
    in_->PopLimit(limit);
    out.WriteTag(tag);
    out.WriteVarint32(static_cast<std::uint32_t>(part.size()));
    out.WriteString(part);
    return true;
  }

  bool copy_bytes(std::uint32_t tag, pio::CodedOutputStream& out) {
    std::uint32_t size = 0;
    if (!read_size(size)) return false;
    if (size <= kKeptBytes) {
      std::string bytes;
      if (!in_->ReadString(&bytes, static_cast<int>(size))) return false;
      out.WriteTag(tag);
      out.WriteVarint32(size);
      out.WriteString(bytes);
      return true;
    }
    // Fields may come in any order, and those of equal messages add up.
    pb::TensorProto place;
    set_external(place, file_name_, in_->CurrentPosition(), size);
    out.WriteString(place.SerializeAsString());
    return in_->Skip(static_cast<int>(size));
  }

  bool read_size(std::uint32_t& size) {
    constexpr auto kMost = static_cast<std::uint32_t>(std::numeric_limits<std::int32_t>::max());
    return in_->ReadVarint32(&size) &&
           size <= kMost - static_cast<std::uint32_t>(in_->CurrentPosition());
  }

  pio::CodedInputStream* in_;
  std::string file_name_;
};

}  // namespace

base::Error broken(std::string_view name) {
  return base::bad_input("this is no ONNX model, or it is truncated: its protobuf cannot be read",
                         std::string(name));
}

base::Error too_large(std::string_view name) {
  return base::bad_input(
      "the file is larger than 2 GiB, the most that protobuf reads; save the model with its "
      "weights "
      "in a file of their own (external data)",
      std::string(name));
}

base::Result<pb::ModelProto> load_messages(const fs::path& file) {
  std::error_code fault;
  const auto size = fs::file_size(file, fault);
  std::ifstream in(file, std::ios::binary);
  if (fault || !in) {
    return base::Error{
        base::ErrorCode::not_found,
        fmt::format("cannot read the file{}{}", fault ? ": " : "", fault ? fault.message() : ""),
        file.string()};
  }
  if (size > kMaxModelBytes) return too_large(file.string());
  pio::IstreamInputStream stream(&in);
  pio::CodedInputStream coded(&stream);
  std::string copied;
  pb::ModelProto model;
  const bool read = Copier(coded, file.filename().string()).copy(Message::model, 0, copied) &&
                    model.ParseFromString(copied);
  if (!read) return broken(file.string());
  return model;
}

}  // namespace cleave::onnx
