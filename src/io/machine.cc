#include "io/machine.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "cleave/io/io.h"
#include "io/file.h"
#include "io/parse.h"
#include "io/text.h"
#include "io/units.h"

namespace cleave::io {
namespace {

using model::DeviceClass;
using model::Machine;

constexpr std::string_view kFormat = "cleave.devices/1";
constexpr std::size_t kMaxDevicesBytes = std::size_t{1} << 20;

// A quantity with its unit; `parse` is one of units.h.
template <class T>
T quantity(Reader& in, const Value& value, base::Result<T> (*parse)(std::string_view)) {
  if (!in.expect(value, Kind::string)) return T{};
  auto parsed = parse(value.text());
  if (parsed) return *parsed;
  in.fail(value, parsed.error());
  return T{};
}

model::Link read_speed(Reader& in, const Value& value) {
  model::Link link;
  link.bytes_per_second = quantity(in, in.required(value, "bandwidth"), parse_rate);
  if (const auto latency = in.optional(value, "latency")) {
    link.latency = quantity(in, *latency, parse_time);
  }
  return link;
}

model::Link read_link(Reader& in, const Value& value) {
  in.only(value, {"bandwidth", "latency"});
  return read_speed(in, value);
}

model::Server read_server(Reader& in, const Value& value) {
  in.only(value, {"devices", "bandwidth", "latency"});
  const std::int64_t devices =
      in.whole(in.required(value, "devices"), "the number of devices in a server");
  return {static_cast<int>(devices), read_speed(in, value)};
}

model::Peak read_peak(Reader& in, std::string_view type, const Value& value) {
  using enum model::ElementType;
  model::Peak peak;
  peak.operations_per_second = quantity(in, value, parse_speed);
  for (const auto known : {float64, float32, float16, bfloat16, float8, int8, int4}) {
    if (type != to_string(known)) continue;
    peak.type = known;
    return peak;
  }
  in.fail(value, fmt::format("there is no peak for {}; a type is float64, float32, float16, "
                             "bfloat16, float8, int8 or int4",
                             in_quotes(type)));
  return peak;
}

std::optional<model::Performance> read_performance(Reader& in, const Value& value) {
  model::Performance p;
  const auto device = in.optional(value, "device");
  const auto peaks = in.optional(value, "peak");
  const auto bandwidth = in.optional(value, "memory_bandwidth");
  const auto launch = in.optional(value, "launch");
  const auto efficiency = in.optional(value, "efficiency");
  if (!device && !peaks && !bandwidth && !launch && !efficiency) return std::nullopt;
  if (device) p.device = in.label(*device);
  if (peaks && in.expect(*peaks, Kind::object)) {
    for (const auto& [type, peak] : peaks->members()) p.peaks.push_back(read_peak(in, type, peak));
  }
  if (bandwidth) p.memory_bytes_per_second = quantity(in, *bandwidth, parse_rate);
  if (launch) p.launch = quantity(in, *launch, parse_time);
  if (efficiency) p.efficiency = in.real(*efficiency);
  return p;
}

void write_link(JsonWriter& out, const model::Link& link) {
  out.key("bandwidth").string(fmt::format("{} B/s", link.bytes_per_second));
  out.key("latency").string(fmt::format("{} ps", link.latency.count()));
}

void write_performance(JsonWriter& out, const model::Performance& p) {
  if (!p.device.empty()) out.key("device").string(p.device);
  if (!p.peaks.empty()) {
    out.key("peak").begin_object();
    for (const model::Peak& peak : p.peaks) {
      out.key(to_string(peak.type)).string(fmt::format("{} OP/s", peak.operations_per_second));
    }
    out.end();
  }
  if (p.memory_bytes_per_second) {
    out.key("memory_bandwidth").string(fmt::format("{} B/s", *p.memory_bytes_per_second));
  }
  if (p.launch) out.key("launch").string(fmt::format("{} ps", p.launch->count()));
  if (p.efficiency) out.key("efficiency").real(*p.efficiency);
}

// Core numbers, each alone.
std::vector<int> read_cores(Reader& in, const Value& value) {
  constexpr std::int64_t kHighestCore = 65535;
  std::vector<int> cores;
  for (const Value core : in.elements(value)) {
    cores.push_back(static_cast<int>(in.whole(core, "the core", kHighestCore)));
  }
  return cores;
}

DeviceClass read_class(Reader& in, const Value& value) {
  in.only(value, {"class", "count", "memory", "pays_transfers", "link", "server", "times", "device",
                  "peak", "memory_bandwidth", "launch", "efficiency", "cores"});
  DeviceClass c;
  c.name = in.label(in.required(value, "class"));
  if (const auto count = in.optional(value, "count")) {
    c.count = static_cast<int>(in.whole(*count, "the count"));
  }
  if (const auto memory = in.optional(value, "memory")) {
    c.memory =
        memory->kind() == Kind::number ? in.bytes(*memory) : quantity(in, *memory, parse_size);
  }
  if (const auto pays = in.optional(value, "pays_transfers")) c.pays_transfers = in.boolean(*pays);
  if (const auto link = in.optional(value, "link")) c.link = read_link(in, *link);
  if (const auto server = in.optional(value, "server")) c.server = read_server(in, *server);
  if (const auto times = in.optional(value, "times")) c.times = in.label(*times);
  if (const auto cores = in.optional(value, "cores")) c.cores = read_cores(in, *cores);
  c.performance = read_performance(in, value);
  return c;
}

}  // namespace

std::optional<Machine> read_machine(Reader& in, const Value& classes) {
  constexpr std::size_t kMaxClasses = 256;  // classes are compared with one another
  std::vector<DeviceClass> list;
  for (const Value value : in.elements(classes)) {
    list.push_back(read_class(in, value));
    if (list.size() > kMaxClasses) {
      in.fail(classes, fmt::format("there are more than {} device classes", kMaxClasses));
    }
    if (in.failed()) return std::nullopt;
  }
  if (in.failed()) return std::nullopt;
  auto machine = Machine::create(std::move(list));
  if (machine) return *std::move(machine);
  in.fail(classes, machine.error());
  return std::nullopt;
}

void write_machine(JsonWriter& out, const Machine& machine) {
  out.begin_array();
  for (const DeviceClass& c : machine.classes()) {
    out.begin_object(JsonWriter::Layout::line);
    out.key("class").string(c.name);
    out.key("count").whole(c.count);
    if (c.memory) out.key("memory").whole(c.memory->count());
    if (!c.pays_transfers) out.key("pays_transfers").boolean(false);
    if (c.link) {
      out.key("link").begin_object();
      write_link(out, *c.link);
      out.end();
    }
    if (c.server) {
      out.key("server").begin_object();
      out.key("devices").whole(c.server->devices);
      write_link(out, c.server->link);
      out.end();
    }
    if (c.times != c.name) out.key("times").string(c.times);
    if (c.performance) write_performance(out, *c.performance);
    if (!c.cores.empty()) {
      out.key("cores").begin_array(JsonWriter::Layout::line);
      for (const int core : c.cores) out.whole(core);
      out.end();
    }
    out.end();
  }
  out.end();
}

std::string devices_to_json(const Machine& machine) {
  JsonWriter out;
  out.begin_object();
  out.key("format").string(kFormat);
  out.key("devices");
  write_machine(out, machine);
  out.end();
  return std::move(out).take();
}

base::Result<Machine> parse_devices(std::string_view text, std::string_view name) {
  if (auto fault = find_unreadable(text, name, kMaxDevicesBytes)) return *std::move(fault);
  const auto document = parse_yaml(text, name);
  if (!document) return document.error();
  const Value root = (*document)->root();
  Reader in;
  in.only(root, {"format", "devices"});
  in.format(root, kFormat);
  auto machine = read_machine(in, in.required(root, "devices"));
  if (in.failed()) return in.error();
  return *std::move(machine);
}

base::Result<Machine> read_devices(const std::filesystem::path& file) {
  const auto text = read_text(file, kMaxDevicesBytes);
  if (!text) return text.error();
  return parse_devices(*text, file.string());
}

}  // namespace cleave::io
