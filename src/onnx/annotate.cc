#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <exception>
#include <unordered_map>
#include <vector>

#include "cleave/onnx/stages.h"
#include "onnx/source.h"
#include "onnx/stage_weights.h"

namespace cleave::onnx {
namespace {

namespace fs = std::filesystem;
using google::protobuf::UnknownFieldSet;

// Fields of onnx.proto as of version 1.18, written by number because the library may be older.
constexpr int kNodeMetadata = 9;            // NodeProto.metadata_props
constexpr int kNodeConfigurations = 10;     // NodeProto.device_configurations
constexpr int kModelConfigurations = 26;    // ModelProto.configuration
constexpr int kConfigurationName = 1;       // DeviceConfigurationProto.name
constexpr int kConfigurationDevices = 2;    // DeviceConfigurationProto.num_devices
constexpr int kConfigurationDevice = 3;     // DeviceConfigurationProto.device
constexpr int kNodeConfigurationId = 1;     // NodeDeviceConfigurationProto.configuration_id
constexpr int kNodeConfigurationStage = 3;  // NodeDeviceConfigurationProto.pipeline_stage
constexpr std::int64_t kFirstVersion = 11;  // of the format, that has them
constexpr const char* kConfiguration = "cleave";
constexpr const char* kLayerKey = "layer_ann";  // ONNX Runtime's

std::string serialise(const UnknownFieldSet& message) {
  std::string bytes;
  message.SerializeToString(&bytes);
  return bytes;
}

void annotate(pb::NodeProto& node, std::size_t stage, const std::string& device) {
  pb::StringStringEntryProto layer;
  layer.set_key(kLayerKey);
  layer.set_value(device);
  UnknownFieldSet configuration;
  configuration.AddLengthDelimited(kNodeConfigurationId, kConfiguration);
  configuration.AddVarint(kNodeConfigurationStage, stage);
  UnknownFieldSet& fields = *node.mutable_unknown_fields();
  fields.AddLengthDelimited(kNodeMetadata, layer.SerializeAsString());
  fields.AddLengthDelimited(kNodeConfigurations, serialise(configuration));
}

void name_devices(pb::ModelProto& model, std::span<const StageSpec> stages) {
  std::vector<std::string> devices;
  for (const StageSpec& stage : stages) {
    if (std::find(devices.begin(), devices.end(), stage.device) == devices.end()) {
      devices.push_back(stage.device);
    }
  }
  UnknownFieldSet configuration;
  configuration.AddLengthDelimited(kConfigurationName, kConfiguration);
  configuration.AddVarint(kConfigurationDevices, devices.size());
  for (const std::string& device : devices) {
    configuration.AddLengthDelimited(kConfigurationDevice, device);
  }
  model.mutable_unknown_fields()->AddLengthDelimited(kModelConfigurations,
                                                     serialise(configuration));
}

}  // namespace

base::Status write_annotated(const ModelFile& model, std::span<const StageSpec> stages,
                             const fs::path& folder, const std::string& name) {
  std::unordered_map<std::string_view, std::size_t> stage_of;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    for (const std::string& id : stages[s].operators) stage_of[id] = s;
  }
  try {
    pb::ModelProto copy = model.source->model;
    copy.set_ir_version(std::max(copy.ir_version(), kFirstVersion));
    for (int i = 0; i < copy.graph().node_size(); ++i) {
      const auto found = stage_of.find(model.network.operators[static_cast<std::size_t>(i)].id);
      if (found == stage_of.end()) continue;  // a constant, which goes wherever it is read
      annotate(*copy.mutable_graph()->mutable_node(i), found->second, stages[found->second].device);
    }
    name_devices(copy, stages);
    const auto data =
        take_weights(*copy.mutable_graph(), model.source->folder, folder, name + ".weights");
    if (!data) return data.error();
    return save(copy, folder / name);
  } catch (const std::exception& error) {  // the library's, or out of memory
    return base::Error{base::ErrorCode::internal,
                       fmt::format("cannot write the annotated model: {}", error.what()),
                       folder.string()};
  }
}

}  // namespace cleave::onnx
