#include "cleave/hybrid/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace cleave::hybrid {

namespace {

__extension__ using Wide = __int128;
constexpr Wide kPicoseconds = 1'000'000'000'000;

// To move parts / whole of the bytes.
base::Duration share_time(const Route& route, base::Bytes bytes, std::int64_t parts,
                          std::int64_t whole) {
  constexpr Wide kMost = (Wide{1} << 126) / kPicoseconds;
  const Wide amount = Wide{bytes.count()} * route.sharers * parts;
  if (amount > kMost) return base::kMaxDuration;
  const Wide work = kPicoseconds * amount;
  const Wide rate = Wide{route.link.bytes_per_second} * whole;
  const Wide time = route.link.latency.count() + (work + rate - 1) / rate;
  return base::Duration(
      static_cast<std::int64_t>(std::min(time, static_cast<Wide>(base::kMaxDuration.count()))));
}

// How many transfers of each stage meet, at each server, others that use its link as well.
class Crossings {
 public:
  Crossings(const Cluster& cluster, std::int64_t stages)
      : cluster_(cluster),
        at_server_(static_cast<std::size_t>(cluster.devices / cluster.per_server + 1)),
        servers_of_(static_cast<std::size_t>(stages)) {}

  void add(std::int64_t stage, std::int64_t server) {
    ++at_server_[static_cast<std::size_t>(server)];
    servers_of_[static_cast<std::size_t>(stage)].push_back(server);
  }

  [[nodiscard]] std::vector<Route> routes() const {
    std::vector<Route> routes;
    for (const std::vector<std::int64_t>& servers : servers_of_) {
      Route route{servers.empty() ? cluster_.inside : cluster_.between, 1};
      for (const std::int64_t server : servers) {
        route.sharers = std::max(route.sharers, at_server_[static_cast<std::size_t>(server)]);
      }
      routes.push_back(route);
    }
    return routes;
  }

 private:
  const Cluster& cluster_;
  std::vector<std::int64_t> at_server_;                // [servers]
  std::vector<std::vector<std::int64_t>> servers_of_;  // [stages]
};

}  // namespace

base::Result<Cluster> cluster_of(const model::DeviceClass& c) {
  if (!c.link) {
    return base::bad_input(fmt::format(
        "device class '{}' has no link, so what it costs to move tensors is not known; add `link: "
        "{{bandwidth: ...}}` to its description",
        c.name));
  }
  const model::Server server = c.server.value_or(model::Server{1, *c.link});
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  model::Link between = *c.link;
  between.bytes_per_second =
      std::min(between.bytes_per_second, kMost / server.devices) * server.devices;
  return Cluster{c.count, server.devices, c.memory, server.link, between};
}

base::Duration transfer_time(const Route& route, base::Bytes bytes) {
  return share_time(route, bytes, 1, 1);
}

base::Duration all_reduce_time(const Route& route, std::int64_t ranks, base::Bytes bytes) {
  return ranks == 1 ? base::Duration(0) : share_time(route, bytes, 2 * (ranks - 1), ranks);
}

std::vector<Route> border_routes(const Cluster& cluster, const Grid& grid) {
  Crossings crossings(cluster, grid.depth);
  for (std::int64_t stage = 1; stage < grid.depth; ++stage) {
    for (std::int64_t replica = 0; replica < grid.width; ++replica) {
      const std::int64_t from = grid.device(replica, stage - 1) / cluster.per_server;
      const std::int64_t to = grid.device(replica, stage) / cluster.per_server;
      if (from != to) crossings.add(stage, to);
    }
  }
  return crossings.routes();
}

std::vector<Route> ring_routes(const Cluster& cluster, const Grid& grid) {
  Crossings crossings(cluster, grid.depth);
  for (std::int64_t stage = 0; stage < grid.depth; ++stage) {
    const auto server = [&](std::int64_t replica) {
      return grid.device(replica, stage) / cluster.per_server;
    };
    if (server(0) == server(grid.width - 1)) continue;
    // The servers of a stage's replicas ascend, and a ring enters each of them once.
    for (std::int64_t replica = 0; replica < grid.width; ++replica) {
      if (replica == 0 || server(replica) != server(replica - 1)) {
        crossings.add(stage, server(replica));
      }
    }
  }
  return crossings.routes();
}

}  // namespace cleave::hybrid
