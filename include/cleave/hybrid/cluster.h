#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/model/machine.h"

namespace cleave::hybrid {

/// Equal devices in servers of `per_server`: numbers 0 … per_server − 1 in the first, and so on.
struct Cluster {
  std::int64_t devices = 1;
  std::int64_t per_server = 1;        ///< ≥ 1; the last server may have fewer
  std::optional<base::Bytes> memory;  ///< of each device; nullopt: unlimited
  model::Link inside;                 ///< of each device, to others in its server; each way
  model::Link between;                ///< of each server, shared by its devices; each way
};

/// The devices of a class. All links of a server's devices together are the server's link to
/// others. Error: bad_input for a class without a link.
[[nodiscard]] base::Result<Cluster> cluster_of(const model::DeviceClass& device_class);

/// Which devices are neighbours.
enum class Layout {
  stages_together,    ///< stage i of replica r is device r·depth + i
  replicas_together,  ///< stage i of replica r is device i·width + r
};

/// width pipelines of depth stages each.
struct Grid {
  std::int64_t width = 1;
  std::int64_t depth = 1;
  Layout layout = Layout::replicas_together;

  [[nodiscard]] std::int64_t device(std::int64_t replica, std::int64_t stage) const {
    return layout == Layout::stages_together ? replica * depth + stage : stage * width + replica;
  }
};

/// How a transfer is priced: latency + bytes · sharers / bandwidth of the link.
struct Route {
  model::Link link;
  std::int64_t sharers = 1;  ///< transfers at the same time over the busiest link
};
/// Rounded up; at most kMaxDuration.
[[nodiscard]] base::Duration transfer_time(const Route& route, base::Bytes bytes);
/// A ring all-reduce among `ranks`: each sends and receives 2 · (ranks − 1) / ranks of the bytes.
[[nodiscard]] base::Duration all_reduce_time(const Route& route, std::int64_t ranks,
                                             base::Bytes bytes);

/// [depth]: into each stage from the one before; the first is inside the server and moves nothing.
/// Between servers where any replica's transfer is; shared by all that arrive at one server,
/// whatever their stage. REQUIRES: the grid fits the cluster. O(devices).
[[nodiscard]] std::vector<Route> border_routes(const Cluster& cluster, const Grid& grid);
/// [depth]: among the replicas of each stage. Between servers where they are not all in one; shared
/// by the rings of all stages that pass through one server. REQUIRES and cost as above.
[[nodiscard]] std::vector<Route> ring_routes(const Cluster& cluster, const Grid& grid);

}  // namespace cleave::hybrid
