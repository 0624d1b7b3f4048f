#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "cleave/io/io.h"
#include "io/file.h"
#include "io/json_writer.h"
#include "io/parse.h"
#include "io/reader.h"
#include "io/text.h"

namespace cleave::io {
namespace {

using model::ElementType;
using model::NumericCheck;
using model::Pipeline;
using model::PipelineStage;
using model::PipelineTensor;
using Layout = JsonWriter::Layout;

constexpr std::string_view kFormat = "cleave.manifest/1";
constexpr std::string_view kCaller = "caller";

// Writing.

void write_tensor(JsonWriter& out, const PipelineTensor& tensor, bool with_source) {
  out.begin_object(Layout::line);
  out.key("name").string(tensor.name);
  out.key("dtype").string(to_string(tensor.type));
  out.key("shape").begin_array();
  for (const std::int64_t size : tensor.shape) out.whole(size);
  out.end();
  if (with_source) {
    out.key("from");
    if (tensor.source) {
      out.whole(*tensor.source);
    } else {
      out.string(kCaller);
    }
  }
  out.end();
}

void write_tensors(JsonWriter& out, const std::vector<PipelineTensor>& tensors, bool with_source) {
  out.begin_array();
  for (const PipelineTensor& tensor : tensors) write_tensor(out, tensor, with_source);
  out.end();
}

void write_file_entry(JsonWriter& out, std::string_view file, std::string_view checksum) {
  out.begin_object(Layout::line);
  out.key("file").string(file);
  out.key("checksum").string(checksum);
  out.end();
}

void write_stage(JsonWriter& out, const PipelineStage& stage) {
  out.begin_object();
  out.key("device").string(stage.device);
  out.key("model");
  write_file_entry(out, stage.file, stage.checksum);
  out.key("weights");
  if (stage.data_file.empty()) {
    out.null();
  } else {
    write_file_entry(out, stage.data_file, stage.data_checksum);
  }
  out.key("operators").whole(stage.num_operators);
  out.key("inputs");
  write_tensors(out, stage.inputs, true);
  out.key("outputs");
  write_tensors(out, stage.outputs, false);
  out.key("predicted").begin_object(Layout::line);
  out.key("load_ms").milliseconds(stage.predicted.load);
  out.key("in_ms").milliseconds(stage.predicted.in);
  out.key("compute_ms").milliseconds(stage.predicted.compute);
  out.key("out_ms").milliseconds(stage.predicted.out);
  out.key("memory_bytes").whole(stage.predicted.memory.count());
  out.end();
  out.end();
}

void write_check(JsonWriter& out, const std::optional<NumericCheck>& check) {
  if (!check) {
    out.null();
    return;
  }
  out.begin_object();
  out.key("runtime").string(check->runtime);
  out.key("seed").whole(check->seed);
  out.key("max_absolute_error").real(check->max_absolute_error);
  out.key("max_relative_error").real(check->max_relative_error);
  out.key("tolerance").real(check->tolerance);
  out.end();
}

// Reading.

// Of a file in the folder: no path that could lead out of it.
std::string read_file_name(Reader& in, const Value& value) {
  std::string name = in.label(value);
  if (in.failed()) return name;
  if (name.empty() || name == "." || name == ".." || name.find_first_of("/\\") != name.npos) {
    in.fail(value,
            fmt::format("{} is not the name of a file in the manifest's folder", in_quotes(name)));
  }
  return name;
}

struct FileEntry {
  std::string name, checksum;
};

FileEntry read_file_entry(Reader& in, const Value& value) {
  in.only(value, {"file", "checksum"});
  const Value checksum = in.required(value, "checksum");
  FileEntry entry{read_file_name(in, in.required(value, "file")), in.string(checksum)};
  const bool valid = entry.checksum.size() == 71 && entry.checksum.starts_with("sha256:") &&
                     entry.checksum.find_first_not_of("0123456789abcdef", 7) == std::string::npos;
  if (!valid) in.fail(checksum, "a checksum is \"sha256:\" and 64 lowercase hexadecimal digits");
  return entry;
}

ElementType read_type(Reader& in, const Value& value) {
  if (!in.expect(value, Kind::string)) return {};
  const auto type = model::find_element_type(value.text());
  if (!type) in.fail(value, fmt::format("{} is no type of elements", value.describe()));
  return type.value_or(ElementType::float32);
}

PipelineTensor read_tensor(Reader& in, const Value& value) {
  PipelineTensor tensor;
  tensor.name = in.label(in.required(value, "name"));
  tensor.type = read_type(in, in.required(value, "dtype"));
  for (const Value size : in.elements(in.required(value, "shape"))) {
    tensor.shape.push_back(in.whole(size, "the size", std::numeric_limits<std::int64_t>::max()));
  }
  return tensor;
}

// Reads stages one after another and remembers which tensors there are by then.
class Assembly {
 public:
  explicit Assembly(Reader& in) : in_(in) {}

  std::vector<PipelineTensor> read_inputs(const Value& list) {
    std::vector<PipelineTensor> inputs;
    for (const Value value : in_.elements(list)) {
      in_.only(value, {"name", "dtype", "shape"});
      inputs.push_back(read_tensor(in_, value));
      define(value, inputs.back());
    }
    return inputs;
  }

  // Tensors that come from the caller or a stage that was read before.
  std::vector<PipelineTensor> read_sourced(const Value& list) {
    std::vector<PipelineTensor> tensors;
    for (const Value value : in_.elements(list)) {
      in_.only(value, {"name", "dtype", "shape", "from"});
      PipelineTensor tensor = read_tensor(in_, value);
      tensor.source = read_source(in_.required(value, "from"));
      if (in_.failed()) return {};
      match(value, tensor);
      const auto same = [&](const PipelineTensor& t) { return t.name == tensor.name; };
      if (std::any_of(tensors.begin(), tensors.end(), same)) {
        in_.fail(value, fmt::format("the tensor {} is listed twice", in_quotes(tensor.name)));
      }
      tensors.push_back(std::move(tensor));
    }
    return tensors;
  }

  PipelineStage read_stage(const Value& value) {
    in_.only(value, {"device", "model", "weights", "operators", "inputs", "outputs", "predicted"});
    PipelineStage stage;
    stage.device = in_.label(in_.required(value, "device"));
    const Value file = in_.required(value, "model");
    std::tie(stage.file, stage.checksum) = read_own_file(file);
    if (const auto weights = in_.optional(value, "weights")) {
      std::tie(stage.data_file, stage.data_checksum) = read_own_file(*weights);
    }
    stage.num_operators = in_.whole(in_.required(value, "operators"), "the number of operators");
    stage.inputs = read_sourced(in_.required(value, "inputs"));
    for (const Value output : in_.elements(in_.required(value, "outputs"))) {
      in_.only(output, {"name", "dtype", "shape"});
      stage.outputs.push_back(read_tensor(in_, output));
      stage.outputs.back().source = stages_;
      define(output, stage.outputs.back());
    }
    stage.predicted = read_prediction(in_.required(value, "predicted"));
    ++stages_;
    return stage;
  }

  std::pair<std::string, std::string> read_own_file(const Value& value) {
    FileEntry entry = read_file_entry(in_, value);
    if (!files_.insert(entry.name).second) {
      in_.fail(value, fmt::format("the file {} is named twice", in_quotes(entry.name)));
    }
    return {std::move(entry.name), std::move(entry.checksum)};
  }

 private:
  std::optional<std::size_t> read_source(const Value& value) {
    if (value.kind() == Kind::string && value.text() == kCaller) return std::nullopt;
    const auto source = static_cast<std::size_t>(in_.whole(value, "the number of the stage"));
    if (!in_.failed() && source >= stages_) {
      in_.fail(value, fmt::format("stage {} does not come before; a tensor is from \"caller\" or "
                                  "from an earlier stage, counted from 0",
                                  source));
    }
    return source;
  }

  model::DeviceLoad read_prediction(const Value& value) {
    in_.only(value, {"load_ms", "in_ms", "compute_ms", "out_ms", "memory_bytes"});
    model::DeviceLoad load;
    load.load = in_.milliseconds(in_.required(value, "load_ms"));
    load.in = in_.milliseconds(in_.required(value, "in_ms"));
    load.compute = in_.milliseconds(in_.required(value, "compute_ms"));
    load.out = in_.milliseconds(in_.required(value, "out_ms"));
    load.memory = in_.bytes(in_.required(value, "memory_bytes"));
    return load;
  }

  void define(const Value& at, const PipelineTensor& tensor) {
    if (!in_.failed() && !known_.emplace(tensor.name, tensor).second) {
      in_.fail(at, fmt::format("the tensor {} has two sources", in_quotes(tensor.name)));
    }
  }

  // A fault unless the tensor is as its source describes it.
  void match(const Value& at, const PipelineTensor& tensor) {
    const auto found = known_.find(tensor.name);
    if (found != known_.end() && found->second == tensor) return;
    const std::string source =
        tensor.source ? fmt::format("stage {}", *tensor.source) : std::string("the caller");
    in_.fail(at, found == known_.end() || found->second.source != tensor.source
                     ? fmt::format("{} gives no tensor {}", source, in_quotes(tensor.name))
                     : fmt::format("the tensor {} has another type or shape here than where it "
                                   "comes from, {}",
                                   in_quotes(tensor.name), source));
  }

  Reader& in_;
  std::size_t stages_ = 0;
  std::unordered_map<std::string, PipelineTensor> known_;
  std::unordered_set<std::string> files_;
};

NumericCheck read_check(Reader& in, const Value& value) {
  in.only(value, {"runtime", "seed", "max_absolute_error", "max_relative_error", "tolerance"});
  NumericCheck check;
  check.runtime = in.string(in.required(value, "runtime"));
  check.seed = in.unsigned_whole(in.required(value, "seed"));
  check.max_absolute_error = in.real(in.required(value, "max_absolute_error"));
  check.max_relative_error = in.real(in.required(value, "max_relative_error"));
  check.tolerance = in.real(in.required(value, "tolerance"));
  return check;
}

Pipeline read_pipeline(Reader& in, const Value& root) {
  in.only(root, {"format", "version", "model", "plan", "predicted_ms", "inputs", "stages",
                 "outputs", "check"});
  Pipeline pipeline;
  pipeline.version = in.string(in.required(root, "version"));
  FileEntry model = read_file_entry(in, in.required(root, "model"));
  pipeline.model_file = std::move(model.name);
  pipeline.model_checksum = std::move(model.checksum);
  Assembly assembly(in);
  std::tie(pipeline.plan_file, pipeline.plan_checksum) =
      assembly.read_own_file(in.required(root, "plan"));
  pipeline.period = in.milliseconds(in.required(root, "predicted_ms"));
  pipeline.inputs = assembly.read_inputs(in.required(root, "inputs"));
  const Value stages = in.required(root, "stages");
  for (const Value stage : in.elements(stages)) {
    pipeline.stages.push_back(assembly.read_stage(stage));
    if (in.failed()) return {};
  }
  if (!in.failed() && pipeline.stages.empty()) in.fail(stages, "there is no stage");
  pipeline.outputs = assembly.read_sourced(in.required(root, "outputs"));
  if (const auto check = in.optional(root, "check")) pipeline.check = read_check(in, *check);
  return pipeline;
}

}  // namespace

std::string manifest_to_json(const Pipeline& pipeline) {
  JsonWriter out;
  out.begin_object();
  out.key("format").string(kFormat);
  out.key("version").string(pipeline.version);
  out.key("model");
  write_file_entry(out, pipeline.model_file, pipeline.model_checksum);
  out.key("plan");
  write_file_entry(out, pipeline.plan_file, pipeline.plan_checksum);
  out.key("predicted_ms").milliseconds(pipeline.period);
  out.key("inputs");
  write_tensors(out, pipeline.inputs, false);
  out.key("stages").begin_array();
  for (const PipelineStage& stage : pipeline.stages) write_stage(out, stage);
  out.end();
  out.key("outputs");
  write_tensors(out, pipeline.outputs, true);
  out.key("check");
  write_check(out, pipeline.check);
  out.end();
  return std::move(out).take();
}

base::Result<Pipeline> parse_manifest(std::string_view text, std::string_view name) {
  if (auto fault = find_unreadable(text, name)) return *std::move(fault);
  const auto document = parse_json(text, name);
  if (!document) return document.error();
  const Value root = (*document)->root();
  Reader in;
  in.format(root, kFormat);
  Pipeline pipeline = read_pipeline(in, root);
  if (in.failed()) return in.error();
  return pipeline;
}

base::Result<Pipeline> read_manifest(const std::filesystem::path& file) {
  const auto text = read_text(file);
  if (!text) return text.error();
  return parse_manifest(*text, file.string());
}

}  // namespace cleave::io
