#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/model/graph.h"
#include "cleave/model/machine.h"
#include "cleave/model/network.h"
#include "cleave/model/profile.h"

/// Operator times by the roofline model (Williams, Waterman, Patterson, CACM 2009):
///   time = launch + max(operations / (peak · efficiency), bytes / (bandwidth · efficiency))
/// with operations and bytes by the formulas of docs/estimate.md, which name each operator type.
namespace cleave::estimate {

/// A device as its data sheet describes it.
struct Device {
  std::string_view name;           ///< such as "nvidia-a100-80gb"
  std::vector<model::Peak> peaks;  ///< dense; float32 is always there
  std::int64_t memory_bytes_per_second = 0;
  std::optional<base::Bytes> memory;  ///< nullopt: depends on what is plugged in
  base::Duration launch{0};           ///< our assumption; no data sheet states it
  double efficiency = 1;              ///< our assumption
  std::string_view source;            ///< the data sheet
};

/// All devices that are known by name.
[[nodiscard]] std::span<const Device> catalogue();

/// The machine with the memory that the catalogue knows where the description gives none.
/// Error: a device name that the catalogue does not have.
[[nodiscard]] base::Result<model::Machine> complete(const model::Machine& machine);

/// What a device achieves with one type of elements.
struct Rate {
  std::int64_t operations_per_second = 0;  ///< its peak times its efficiency
  base::Duration launch{0};                ///< of an operator
};
/// Of a class, by its description and the catalogue. Errors: as of estimate().
[[nodiscard]] base::Result<Rate> rate_of(const model::DeviceClass& device_class,
                                         model::ElementType type);

struct Options {
  /// A weight that several operators read is counted with each of them up to this size; above it,
  /// its operators have to share a device and it counts once.
  base::Bytes colocate_above{std::int64_t{1} << 30};
  /// Times that were measured, for the columns that it has. An operator that it lacks is estimated.
  /// All times of a column then get a factor, such that they add up to what the whole model took:
  /// fused operators take less than the sum of their own times. Each segment that was measured has
  /// its own factor, such that the segments relate to one another as they did there.
  std::shared_ptr<const model::Profile> profile{};
};

struct Estimate {
  std::shared_ptr<const model::Graph> graph;
  std::vector<std::string> notes;  ///< one sentence each: what was assumed for want of knowledge
};

/// The cost graph of a network on a machine.
///
/// - Operators: those that are not constant; their memory is that of the weights they read.
/// - A time column for each `times` of the machine's classes.
/// - Tensors carry bytes, which the classes' links price.
///
/// Errors: a class without a description of its speed; classes that share a column but not their
/// speed; a profile whose segments are not the network's operators in order; a network in which
/// everything is constant. O(operators + values) · classes. Thread-safe.
[[nodiscard]] base::Result<Estimate> estimate(const model::Network& network,
                                              const model::Machine& machine,
                                              const Options& options = {});

}  // namespace cleave::estimate
