#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cleave/base/units.h"
#include "cleave/model/element_type.h"
#include "cleave/model/plan.h"

namespace cleave::model {

/// A tensor on its way into the pipeline, between stages, or out. Equal names, equal tensors.
struct PipelineTensor {
  std::string name;  ///< as in the stages' files
  ElementType type = ElementType::float32;
  std::vector<std::int64_t> shape;    ///< each ≥ 0; empty: a scalar
  std::optional<std::size_t> source;  ///< the stage that computes it; nullopt: the caller gives it

  friend bool operator==(const PipelineTensor&, const PipelineTensor&) = default;
};

/// One file that runs on one device.
struct PipelineStage {
  std::string device;                   ///< such as "accelerator0"
  std::string file;                     ///< the ONNX file, by its name in the folder
  std::string checksum;                 ///< "sha256:…", as all of them
  std::string data_file;                ///< the file's weights; empty: they are in `file`
  std::string data_checksum;            ///< empty without `data_file`
  std::int64_t num_operators = 0;       ///< of the plan; the file has further ones for constants
  std::vector<PipelineTensor> inputs;   ///< from the caller or from earlier stages
  std::vector<PipelineTensor> outputs;  ///< for later stages or the caller; `source` is this stage
  /// What the plan says the stage takes. Over the stages of one device, all but `load` add up to
  /// the device's; a tensor that several of them read counts with the first.
  DeviceLoad predicted;

  friend bool operator==(const PipelineStage&, const PipelineStage&) = default;
};

/// The stages, run one after another, against the original on the same inputs.
struct NumericCheck {
  std::string runtime;              ///< what ran them, with its version
  std::uint64_t seed = 1;           ///< of the inputs
  double max_absolute_error = 0.0;  ///< over all elements of all outputs
  double max_relative_error = 0.0;  ///< |difference| / max(|original| of that output)
  double tolerance = 0.0;           ///< the relative error that is let through

  friend bool operator==(const NumericCheck&, const NumericCheck&) = default;
};

/// A model cut into files that run, in the order in which they run: what `cleave split` leaves in a
/// folder and `cleave run` finds there. Plain data. Readers guarantee: there is a stage; files have
/// plain names, all distinct; every input of a stage, and every output of the pipeline, is an
/// output of an earlier stage or an input of the pipeline, with the same type and shape; each
/// tensor has one source.
struct Pipeline {
  std::string model_file;  ///< the name of the original, which is elsewhere
  std::string model_checksum;
  std::string plan_file;  ///< in the folder
  std::string plan_checksum;
  std::string version;                  ///< of cleave
  base::Duration period{0};             ///< predicted time per sample: the plan's objective
  std::vector<PipelineTensor> inputs;   ///< without `source`
  std::vector<PipelineTensor> outputs;  ///< without `source`: an input passed straight through
  std::vector<PipelineStage> stages;    ///< producers first; one device may have several
  std::optional<NumericCheck> check;    ///< nullopt: it was not asked for
};

}  // namespace cleave::model
