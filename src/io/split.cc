#include <fmt/format.h>

#include <vector>

#include "cleave/io/io.h"
#include "io/file.h"
#include "io/parse.h"
#include "io/reader.h"
#include "io/text.h"

namespace cleave::io {
namespace {

using base::DeviceId;
using base::OperatorId;
using model::Graph;
using model::Phase;
using model::Placement;
using model::Problem;

std::vector<DeviceId> find_devices(const model::Machine& machine, bool pays_transfers) {
  std::vector<DeviceId> devices;
  for (std::size_t d = 0; d < machine.num_devices(); ++d) {
    if (machine.device_class(machine.class_of(DeviceId(d))).pays_transfers == pays_transfers) {
      devices.push_back(DeviceId(d));
    }
  }
  return devices;
}

OperatorId find_operator(Reader& in, const Value& id, const Graph& graph) {
  const std::string text = id.kind() == Kind::string ? in.string(id) : in.integer_id(id);
  const auto op = graph.find(text);
  if (!op) in.fail(id, fmt::format("no operator has the id {}", in_quotes(text)));
  return op.value_or(OperatorId());
}

// Places the nodes of one list of devices, such as "fpgas".
void place_listed(Reader& in, const Value& list, const std::vector<DeviceId>& devices,
                  const Problem& problem, Placement& placement) {
  std::size_t used = 0;
  for (const Value part : in.elements(list)) {
    const Value nodes = in.required(part, "nodes");
    const auto ids = in.elements(nodes);
    if (in.failed()) return;
    // A pool takes what the split puts on any of its class's devices.
    if (used > 0 && used == devices.size() && problem.machine().is_pool(devices.back())) --used;
    if (used >= devices.size() && !ids.empty()) {
      in.fail(part, fmt::format("the split uses more devices here than the machine's {}",
                                devices.size()));
      return;
    }
    for (const Value id : ids) {
      const OperatorId op = find_operator(in, id, problem.graph());
      if (in.failed()) return;
      DeviceId& device = placement[op.index()];
      if (device.valid()) {
        in.fail(id, fmt::format("operator {} is on {} already", in_quotes(id.text()),
                                problem.machine().device_name(device)));
      }
      device = devices[used];
    }
    ++used;
  }
}

// What a colocation group's listed members say about the rest of it.
struct GroupSeat {
  OperatorId first;  // the first listed member
  OperatorId apart;  // one that is listed on another device
};

std::vector<GroupSeat> find_seats(const Graph& graph, const Placement& listed) {
  std::vector<GroupSeat> seats(graph.num_groups());
  for (std::size_t v = 0; v < listed.size(); ++v) {
    const auto group = graph.group(OperatorId(v));
    if (!group || !listed[v].valid()) continue;
    GroupSeat& seat = seats[group->index()];
    if (!seat.first.valid()) seat.first = OperatorId(v);
    if (listed[v] != listed[seat.first.index()]) seat.apart = OperatorId(v);
  }
  return seats;
}

void place_backward(Reader& in, const Value& root, const Graph& graph, Placement& placement) {
  const std::vector<GroupSeat> seats = find_seats(graph, placement);
  for (std::size_t v = 0; v < placement.size(); ++v) {
    if (placement[v].valid()) continue;
    const OperatorId op(v);
    const auto group = graph.group(op);
    const bool follows = group && graph.phase(op) == Phase::backward;
    const GroupSeat seat = follows ? seats[group->index()] : GroupSeat{};
    if (!seat.first.valid()) {
      in.fail(root,
              fmt::format("operator {} has no device in this split", in_quotes(graph.id(op))));
      return;
    }
    if (seat.apart.valid()) {
      in.fail(root,
              fmt::format("operators {} and {} of one colocation group are on different devices, "
                          "so it is open where operator {} goes",
                          in_quotes(graph.id(seat.first)), in_quotes(graph.id(seat.apart)),
                          in_quotes(graph.id(op))));
      return;
    }
    placement[v] = placement[seat.first.index()];
  }
}

}  // namespace

base::Result<Placement> read_split(const std::filesystem::path& file, const Problem& problem) {
  const auto text = read_text(file);
  if (!text) return text.error();
  const std::string name = file.string();
  if (auto fault = find_unreadable(*text, name)) return *std::move(fault);
  const auto document = parse_json(*text, name);
  if (!document) return document.error();
  const Value root = (*document)->root();
  const model::Machine& machine = problem.machine();
  Placement placement(problem.graph().num_operators());
  Reader in;
  place_listed(in, in.required(root, "fpgas"), find_devices(machine, true), problem, placement);
  place_listed(in, in.required(root, "cpus"), find_devices(machine, false), problem, placement);
  if (!in.failed()) place_backward(in, root, problem.graph(), placement);
  if (in.failed()) return in.error();
  return placement;
}

}  // namespace cleave::io
