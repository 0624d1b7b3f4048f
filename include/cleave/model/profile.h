#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cleave/base/units.h"

namespace cleave::model {

/// What an operator took when it ran as the model's file has it, fused with no other.
struct MeasuredOperator {
  std::string id;
  base::Duration time{0};

  friend bool operator==(const MeasuredOperator&, const MeasuredOperator&) = default;
};

/// Operators that follow one another in the model's order, and what they took as a model of their
/// own with all optimisations.
struct MeasuredSegment {
  std::string first;  ///< the ids of the first and the last of them
  std::string last;
  base::Duration time{0};

  friend bool operator==(const MeasuredSegment&, const MeasuredSegment&) = default;
};

/// What a model took on the devices of a class, while all of them were busy with it.
struct MeasuredColumn {
  std::string times;                        ///< the column of operator times that this is
  int devices = 1;                          ///< that were busy at the same time
  int threads = 1;                          ///< of each device
  std::vector<MeasuredOperator> operators;  ///< distinct; need not be all of the model
  /// The whole model with all optimisations. Operators alone add up to something else.
  base::Duration whole{0};
  /// Which together are the model, in its order; empty: none were measured.
  std::vector<MeasuredSegment> segments{};

  friend bool operator==(const MeasuredColumn&, const MeasuredColumn&) = default;
};

/// Times of a model's operators that were measured, for use instead of estimates. Plain data.
/// Readers guarantee: columns and the operators of each are distinct, times ≥ 0, `whole`
/// and the times of segments > 0.
struct Profile {
  std::string model_file;
  std::string model_checksum;                      ///< "sha256:…"
  std::map<std::string, std::int64_t> dimensions;  ///< sizes of those that the file leaves open
  std::string version;                             ///< of cleave
  std::string runtime;                             ///< what ran the model, with its version
  std::vector<MeasuredColumn> columns;

  friend bool operator==(const Profile&, const Profile&) = default;
};

}  // namespace cleave::model
