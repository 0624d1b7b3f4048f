#include "cleave/onnx/read.h"

#include <exception>
#include <fstream>
#include <limits>
#include <new>
#include <system_error>

#include "onnx/external_data.h"
#include "onnx/functions.h"
#include "onnx/network.h"
#include "onnx/proto.h"
#include "onnx/shapes.h"
#include "onnx/structure.h"

namespace cleave::onnx {
namespace {

namespace fs = std::filesystem;

base::Result<ModelFile> interpret(pb::ModelProto& model, const fs::path& folder,
                                  const Dimensions& dimensions) {
  if (!model.has_graph() || model.opset_import().empty()) {
    return base::bad_input(
        "this is no ONNX model: it has no graph, or does not say which version "
        "of the operators it uses");
  }
  for (const auto& [name, size] : dimensions) {
    if (size < 0) {
      return base::bad_input(fmt::format("the dimension {} cannot be {}", in_quotes(name), size));
    }
  }
  ModelFile file;
  if (auto done = inline_functions(model); !done) return done.error();
  if (auto done = settle_external_data(*model.mutable_graph(), folder); !done) return done.error();
  if (auto done = check_structure(model, file.notes); !done) return done.error();
  if (auto done = settle_shapes(model, dimensions); !done) return done.error();
  auto network = to_network(model.graph());
  if (!network) return network.error();
  file.network = std::move(network).value();
  return file;
}

// What is not caught closer is the library's, which throws on what it did not expect.
base::Result<ModelFile> guarded(pb::ModelProto& model, std::string_view name,
                                const fs::path& folder, const Dimensions& dimensions) {
  base::Result<ModelFile> file = [&]() -> base::Result<ModelFile> {
    try {
      return interpret(model, folder, dimensions);
    } catch (const std::bad_alloc&) {
      return base::Error{base::ErrorCode::limit, "out of memory while reading the model", {}};
    } catch (const std::exception& error) {
      const std::string_view text = error.what();
      return base::bad_input(
          fmt::format("the onnx library refuses the model: {}", text.substr(0, text.find('\n'))));
    }
  }();
  if (file) return file;
  base::Error error = file.error();
  error.place = std::string(name) + (error.place.empty() ? "" : ", " + error.place);
  return error;
}

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

constexpr auto kMaxBytes = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());

}  // namespace

bool is_model(std::string_view start) {
  constexpr std::size_t kLooked = 256;
  for (const char c : start.substr(0, kLooked)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') return true;
  }
  return false;
}

base::Result<ModelFile> parse_model(std::string_view bytes, std::string_view name,
                                    const fs::path& folder, const Dimensions& dimensions) {
  if (bytes.size() > kMaxBytes) return too_large(name);
  pb::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return broken(name);
  return guarded(model, name, folder, dimensions);
}

base::Result<ModelFile> read_model(const fs::path& file, const Dimensions& dimensions) {
  std::error_code fault;
  const auto size = fs::file_size(file, fault);
  std::ifstream in(file, std::ios::binary);
  if (fault || !in) {
    return base::Error{
        base::ErrorCode::not_found,
        fmt::format("cannot read the file{}{}", fault ? ": " : "", fault ? fault.message() : ""),
        file.string()};
  }
  if (size > kMaxBytes) return too_large(file.string());
  pb::ModelProto model;
  if (!model.ParseFromIstream(&in)) return broken(file.string());
  return guarded(model, file.string(), file.parent_path(), dimensions);
}

}  // namespace cleave::onnx
