#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/ids.h"
#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/model/element_type.h"

namespace cleave::model {

/// How a device reaches host memory: a tensor takes latency + bytes / bandwidth.
struct Link {
  std::int64_t bytes_per_second = 0;  ///< > 0
  base::Duration latency{0};          ///< ≥ 0
};

/// How fast elements of a type are computed with, at best.
struct Peak {
  ElementType type = ElementType::float32;
  std::int64_t operations_per_second = 0;  ///< > 0; a multiply-add is two
};

/// How fast a device computes, for those who estimate operator times. What is absent is taken from
/// the catalogue's `device`.
struct Performance {
  std::string device;       ///< a name of the catalogue, see estimate; empty: none
  std::vector<Peak> peaks;  ///< distinct types
  std::optional<std::int64_t> memory_bytes_per_second;  ///< > 0
  std::optional<base::Duration> launch;                 ///< ≥ 0, added once an operator
  std::optional<double> efficiency;  ///< in (0, 1]: the share of peak that operators reach
};

/// Devices of a class come in servers: numbers 0 … devices − 1 in the first one, and so on.
struct Server {
  int devices = 1;  ///< of each server, ≥ 1
  Link link;        ///< between devices of one server
};

/// A number of identical devices.
struct DeviceClass {
  std::string name;                   ///< unique in the machine, such as "accelerator"
  int count = 1;                      ///< ≥ 1
  std::optional<base::Bytes> memory;  ///< of each device; nullopt: unlimited
  bool pays_transfers = true;         ///< false: lives in host memory, moves data for nothing
  std::optional<Link> link;           ///< prices tensors by bytes; else by their given times
  std::string times;                  ///< column of operator times; empty: the one named `name`
  std::optional<Performance> performance{};  ///< where operator times are to be estimated
  /// One device that stands for all of the class and works on many operators at a time. Only
  /// classes that pay no transfers, with count 1; its device has the class's name. See pooled().
  bool pool = false;
  /// Processor cores that the devices run on, for those who run stages: the first `count`-th part
  /// is the first device's, and so on. Distinct; empty, or a multiple of `count`.
  std::vector<int> cores{};
  std::optional<Server> server{};  ///< faster links inside servers; pipelines of stages use them
};

/// The devices at hand. Immutable; validated by create().
/// Devices are numbered class by class: class 0's first.
class Machine {
 public:
  /// At least one device, at most kMaxDevices in all; names distinct, not empty, and such that no
  /// class name followed by a number reads as another class's name.
  [[nodiscard]] static base::Result<Machine> create(std::vector<DeviceClass> classes);
  static constexpr int kMaxDevices = 65536;
  /// The same machine with each class that pays no transfers as one device, a pool. Its memory is
  /// that of one device of the class.
  [[nodiscard]] Machine pooled() const;

  [[nodiscard]] std::size_t num_classes() const { return classes_.size(); }
  [[nodiscard]] std::size_t num_devices() const { return class_of_.size(); }
  [[nodiscard]] const std::vector<DeviceClass>& classes() const { return classes_; }
  [[nodiscard]] const DeviceClass& device_class(base::ClassId c) const {
    return classes_[c.index()];
  }
  [[nodiscard]] base::ClassId class_of(base::DeviceId device) const {
    return class_of_[device.index()];
  }
  [[nodiscard]] base::DeviceId first_device(base::ClassId c) const { return first_[c.index()]; }
  /// Whether the device is a pool.
  [[nodiscard]] bool is_pool(base::DeviceId device) const {
    return device_class(class_of(device)).pool;
  }
  /// "accelerator0": the class's name and the number within the class; "cpu" for a pool.
  [[nodiscard]] std::string device_name(base::DeviceId device) const;
  /// The cores that a device runs on; empty: not said.
  [[nodiscard]] std::span<const int> cores(base::DeviceId device) const;
  [[nodiscard]] std::optional<base::ClassId> find_class(std::string_view name) const;
  [[nodiscard]] std::optional<base::DeviceId> find_device(std::string_view name) const;

 private:
  Machine() = default;
  std::vector<DeviceClass> classes_;
  std::vector<base::ClassId> class_of_;
  std::vector<base::DeviceId> first_;
};

}  // namespace cleave::model
