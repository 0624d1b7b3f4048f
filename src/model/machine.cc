#include "cleave/model/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>

namespace cleave::model {
namespace {

base::Status check_performance(const DeviceClass& c) {
  const Performance& p = *c.performance;
  const auto fault = [&](std::string_view what) {
    return base::bad_input(fmt::format("device class '{}' {}", c.name, what));
  };
  for (std::size_t i = 0; i < p.peaks.size(); ++i) {
    if (p.peaks[i].operations_per_second <= 0) return fault("has a peak that is not positive");
    for (std::size_t j = 0; j < i; ++j) {
      if (p.peaks[i].type == p.peaks[j].type) {
        return fault(fmt::format("has two peaks for {}", to_string(p.peaks[i].type)));
      }
    }
  }
  if (p.memory_bytes_per_second && *p.memory_bytes_per_second <= 0) {
    return fault("has a memory bandwidth that is not positive");
  }
  if (p.launch && *p.launch < base::Duration::zero()) return fault("has a negative launch time");
  if (p.efficiency && !(*p.efficiency > 0 && *p.efficiency <= 1)) {
    return fault(fmt::format("has the efficiency {}; it is above 0 and at most 1", *p.efficiency));
  }
  const bool has_float32 = std::any_of(p.peaks.begin(), p.peaks.end(), [](const Peak& peak) {
    return peak.type == ElementType::float32;
  });
  if (p.device.empty() && !(has_float32 && p.memory_bytes_per_second)) {
    return fault(
        "describes its speed without a device of the catalogue, so it needs a peak for "
        "float32 and a memory bandwidth");
  }
  return std::monostate{};
}

base::Status check_cores(const DeviceClass& c) {
  if (c.cores.size() % static_cast<std::size_t>(c.count) != 0) {
    return base::bad_input(
        fmt::format("device class '{}' has {} cores for {} devices; each device "
                    "needs as many as the others",
                    c.name, c.cores.size(), c.count));
  }
  std::vector<int> sorted = c.cores;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) {
    return base::bad_input(fmt::format("device class '{}' has core {} twice", c.name, *twice));
  }
  if (!sorted.empty() && sorted.front() < 0) {
    return base::bad_input(
        fmt::format("device class '{}' has core {}; the first is 0", c.name, sorted.front()));
  }
  return std::monostate{};
}

bool is_valid(const Link& link) {
  return link.bytes_per_second > 0 && link.latency >= base::Duration::zero();
}

base::Status check_server(const DeviceClass& c) {
  if (!c.server) return std::monostate{};
  if (!c.link) {
    return base::bad_input(fmt::format(
        "device class '{}' has servers but no link; give the link between servers", c.name));
  }
  if (c.server->devices < 1 || c.count % c.server->devices != 0) {
    return base::bad_input(fmt::format(
        "device class '{}' has {} devices in servers of {}; servers are full, so the count has to "
        "be a multiple",
        c.name, c.count, c.server->devices));
  }
  if (!is_valid(c.server->link)) {
    return base::bad_input(fmt::format(
        "the link inside servers of device class '{}' needs a positive bandwidth and a latency of "
        "at least 0",
        c.name));
  }
  return std::monostate{};
}

}  // namespace

base::Result<Machine> Machine::create(std::vector<DeviceClass> classes) {
  Machine machine;
  std::int64_t devices = 0;
  if (classes.empty()) return base::bad_input("the machine has no devices");
  for (DeviceClass& c : classes) {
    if (c.name.empty()) return base::bad_input("a device class has an empty name");
    if (c.name.back() >= '0' && c.name.back() <= '9') {
      return base::bad_input(fmt::format(
          "device class '{}' ends in a digit; devices are named by class and number, so choose a "
          "name that ends in another character, such as '{}-'",
          c.name, c.name));
    }
    if (c.count < 1) {
      return base::bad_input(
          fmt::format("device class '{}' has count {}; at least 1 is needed", c.name, c.count));
    }
    devices += c.count;
    if (devices > kMaxDevices) {
      return base::bad_input(fmt::format("the machine has more than {} devices", kMaxDevices));
    }
    if (c.pool && (c.count != 1 || c.pays_transfers)) {
      return base::bad_input(fmt::format(
          "device class '{}' is a pool, so it has count 1 and pays no transfers", c.name));
    }
    if (c.memory && *c.memory < base::Bytes(0)) {
      return base::bad_input(fmt::format("device class '{}' has negative memory", c.name));
    }
    if (c.link && !is_valid(*c.link)) {
      return base::bad_input(fmt::format(
          "the link of device class '{}' needs a positive bandwidth and a latency of at least 0",
          c.name));
    }
    if (auto valid = check_server(c); !valid) return valid.error();
    if (c.performance) {
      if (auto valid = check_performance(c); !valid) return valid.error();
    }
    if (auto valid = check_cores(c); !valid) return valid.error();
    if (c.times.empty()) c.times = c.name;
    if (machine.find_class(c.name)) {
      return base::bad_input(fmt::format("device class '{}' is named twice", c.name));
    }
    machine.first_.push_back(base::DeviceId(machine.class_of_.size()));
    machine.class_of_.insert(machine.class_of_.end(), static_cast<std::size_t>(c.count),
                             base::ClassId(machine.classes_.size()));
    machine.classes_.push_back(std::move(c));
  }
  return machine;
}

Machine Machine::pooled() const {
  std::vector<DeviceClass> classes = classes_;
  for (DeviceClass& c : classes) {
    if (c.pays_transfers) continue;
    c.count = 1;
    c.pool = true;
  }
  auto machine = create(std::move(classes));
  assert(machine);
  return *std::move(machine);
}

std::string Machine::device_name(base::DeviceId device) const {
  const base::ClassId c = class_of(device);
  if (device_class(c).pool) return device_class(c).name;
  return fmt::format("{}{}", device_class(c).name, device.value() - first_device(c).value());
}

std::span<const int> Machine::cores(base::DeviceId device) const {
  const base::ClassId c = class_of(device);
  const auto& all = device_class(c).cores;
  const std::size_t each = all.size() / static_cast<std::size_t>(device_class(c).count);
  const auto number = static_cast<std::size_t>(device.value() - first_device(c).value());
  return std::span(all).subspan(number * each, each);
}

std::optional<base::ClassId> Machine::find_class(std::string_view name) const {
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    if (classes_[c].name == name) return base::ClassId(c);
  }
  return std::nullopt;
}

std::optional<base::DeviceId> Machine::find_device(std::string_view name) const {
  const std::size_t digits = name.find_last_not_of("0123456789") + 1;
  const auto c = find_class(name.substr(0, digits));
  if (c && device_class(*c).pool) {
    return digits == name.size() ? std::optional(first_device(*c)) : std::nullopt;
  }
  int number = 0;
  const auto parsed = std::from_chars(name.data() + digits, name.data() + name.size(), number);
  if (!c || parsed.ec != std::errc() || number >= device_class(*c).count) return std::nullopt;
  const base::DeviceId device(first_device(*c).value() + number);
  // A leading zero would give the device a second name.
  return device_name(device) == name ? std::optional(device) : std::nullopt;
}

}  // namespace cleave::model
