#include "cleave/onnx/read.h"

#include <exception>
#include <memory>
#include <new>
#include <utility>

#include "onnx/external_data.h"
#include "onnx/functions.h"
#include "onnx/network.h"
#include "onnx/proto.h"
#include "onnx/shapes.h"
#include "onnx/source.h"
#include "onnx/structure.h"

namespace cleave::onnx {
namespace {

namespace fs = std::filesystem;

base::Result<ModelFile> interpret(pb::ModelProto model, const fs::path& folder,
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
  if (auto done = check_structure(model, folder, file.notes); !done) return done.error();
  if (auto done = settle_shapes(model, dimensions); !done) return done.error();
  auto network = to_network(model.graph());
  if (!network) return network.error();
  file.network = std::move(network).value();
  file.source = std::make_shared<const Source>(Source{std::move(model), folder});
  return file;
}

// What is not caught closer is the library's, which throws on what it did not expect.
base::Result<ModelFile> guarded(pb::ModelProto model, std::string_view name, const fs::path& folder,
                                const Dimensions& dimensions) {
  base::Result<ModelFile> file = [&]() -> base::Result<ModelFile> {
    try {
      return interpret(std::move(model), folder, dimensions);
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
  if (bytes.size() > kMaxModelBytes) return too_large(name);
  pb::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return broken(name);
  return guarded(std::move(model), name, folder, dimensions);
}

base::Result<ModelFile> read_model(const fs::path& file, const Dimensions& dimensions) {
  auto model = load_messages(file);
  if (!model) return model.error();
  return guarded(std::move(model).value(), file.string(), file.parent_path(), dimensions);
}

}  // namespace cleave::onnx
