#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <utility>
#include <vector>

#include "cleave/base/near_miss.h"
#include "cleave/estimate/estimate.h"
#include "estimate/speed.h"

namespace cleave::estimate {
namespace {

using model::ElementType;

constexpr std::int64_t kGiga = 1'000'000'000;
constexpr base::Duration kMicrosecond{1'000'000};

// Data sheets state peaks that no operator reaches, and say nothing of launches. These are ours.
constexpr double kEfficiency = 0.7;
constexpr base::Duration kGpuLaunch = 5 * kMicrosecond;
constexpr base::Duration kCpuLaunch = 1 * kMicrosecond;

// Peaks in units of 10^9 operations a second; 0: not stated.
struct Gigas {
  std::int64_t float64, float32, float16, bfloat16, int8;
};

std::vector<model::Peak> to_peaks(const Gigas& gigas) {
  std::vector<model::Peak> peaks;
  const auto add = [&](ElementType type, std::int64_t giga) {
    if (giga > 0) peaks.push_back({type, giga * kGiga});
  };
  add(ElementType::float64, gigas.float64);
  add(ElementType::float32, gigas.float32);
  add(ElementType::float16, gigas.float16);
  add(ElementType::bfloat16, gigas.bfloat16);
  add(ElementType::int8, gigas.int8);
  return peaks;
}

Device gpu(std::string_view name, const Gigas& gigas, std::int64_t gigabytes_per_second,
           std::int64_t gigabytes, std::string_view source) {
  return {name,
          to_peaks(gigas),
          gigabytes_per_second * kGiga,
          base::Bytes(gigabytes * kGiga),
          kGpuLaunch,
          kEfficiency,
          source};
}

// A processor's peak: cores · base frequency · operations a cycle, all of its data sheet.
Device cpu(std::string_view name, int cores, int megahertz, int float32_a_cycle,
           std::int64_t megabytes_per_second, std::string_view source) {
  const std::int64_t peak = std::int64_t{cores} * megahertz * 1'000'000 * float32_a_cycle;
  return {name,
          {{ElementType::float64, peak / 2}, {ElementType::float32, peak}},
          megabytes_per_second * 1'000'000,
          std::nullopt,
          kCpuLaunch,
          kEfficiency,
          source};
}

// Dense figures: where a sheet states those with sparsity, half of them.
const std::vector<Device>& devices() {
  static const std::vector<Device> kDevices = {
      gpu("nvidia-h100-sxm", {34'000, 67'000, 989'500, 989'500, 1'979'000}, 3350, 80,
          "NVIDIA H100 Tensor Core GPU data sheet, H100 SXM"),
      gpu("nvidia-h100-pcie", {26'000, 51'000, 756'500, 756'500, 1'513'000}, 2000, 80,
          "NVIDIA H100 Tensor Core GPU data sheet, H100 PCIe"),
      gpu("nvidia-a100-80gb", {9'700, 19'500, 312'000, 312'000, 624'000}, 2039, 80,
          "NVIDIA A100 Tensor Core GPU data sheet, A100 80GB SXM"),
      gpu("nvidia-a100-40gb", {9'700, 19'500, 312'000, 312'000, 624'000}, 1555, 40,
          "NVIDIA A100 Tensor Core GPU data sheet, A100 40GB SXM"),
      gpu("nvidia-v100-32gb", {7'800, 15'700, 125'000, 0, 0}, 900, 32,
          "NVIDIA V100 Tensor Core GPU data sheet, V100 SXM2"),
      gpu("nvidia-v100-16gb", {7'800, 15'700, 125'000, 0, 0}, 900, 16,
          "NVIDIA V100 Tensor Core GPU data sheet, V100 SXM2"),
      gpu("nvidia-rtx-a4000", {0, 19'200, 76'700, 76'700, 0}, 448, 16,
          "NVIDIA RTX A4000 data sheet"),
      gpu("nvidia-l4", {0, 30'300, 121'000, 121'000, 242'500}, 300, 24,
          "NVIDIA L4 Tensor Core GPU data sheet"),
      gpu("nvidia-t4", {0, 8'100, 65'000, 0, 130'000}, 320, 16,
          "NVIDIA T4 Tensor Core GPU data sheet"),
      cpu("amd-epyc-7763", 64, 2450, 32, 204'800,
          "AMD EPYC 7763 product page: 64 cores, 2.45 GHz, 204.8 GB/s; two 256-bit FMA a cycle"),
      cpu("intel-xeon-8380", 40, 2300, 64, 204'800,
          "Intel Xeon Platinum 8380 product page: 40 cores, 2.3 GHz, eight channels DDR4-3200; two "
          "512-bit FMA a cycle"),
      cpu("amd-ryzen-7840u", 8, 3300, 32, 89'600,
          "AMD Ryzen 7 7840U product page: 8 cores, 3.3 GHz, two channels DDR5-5600; two 256-bit "
          "FMA a cycle"),
      cpu("raspberry-pi-4", 4, 1500, 8, 12'800,
          "Raspberry Pi 4 Model B product brief: 4 cores Cortex-A72, 1.5 GHz, 32-bit LPDDR4-3200; "
          "one 128-bit FMA a cycle"),
  };
  return kDevices;
}

base::Result<const Device*> find_device(std::string_view name, std::string_view device_class) {
  std::vector<std::string_view> known;
  for (const Device& device : devices()) {
    if (device.name == name) return &device;
    known.push_back(device.name);
  }
  return base::bad_input(
      fmt::format("device class '{}' is said to be of '{}', which is not in the catalogue{}; it "
                  "has {}",
                  device_class, name, base::did_you_mean(name, known), fmt::join(known, ", ")));
}

}  // namespace

std::span<const Device> catalogue() { return devices(); }

base::Result<model::Machine> complete(const model::Machine& machine) {
  std::vector<model::DeviceClass> classes = machine.classes();
  for (model::DeviceClass& c : classes) {
    if (!c.performance || c.performance->device.empty()) continue;
    const auto device = find_device(c.performance->device, c.name);
    if (!device) return device.error();
    if (!c.memory) c.memory = (*device)->memory;
  }
  return model::Machine::create(std::move(classes));
}

base::Result<Speed> speed_of(const model::DeviceClass& c) {
  if (!c.performance) {
    return base::bad_input(fmt::format(
        "the times of this model's operators have to be estimated, but device class '{}' does not "
        "say how fast it is; add `device: NAME` or `peak` and `memory_bandwidth` to its "
        "description",
        c.name));
  }
  const model::Performance& given = *c.performance;
  Speed speed{given.peaks, 0, base::Duration::zero(), kEfficiency};
  if (!given.device.empty()) {
    const auto device = find_device(given.device, c.name);
    if (!device) return device.error();
    if (speed.peaks.empty()) speed.peaks = (*device)->peaks;
    speed.memory_bytes_per_second = (*device)->memory_bytes_per_second;
    speed.launch = (*device)->launch;
    speed.efficiency = (*device)->efficiency;
  }
  speed.memory_bytes_per_second =
      given.memory_bytes_per_second.value_or(speed.memory_bytes_per_second);
  speed.launch = given.launch.value_or(speed.launch);
  speed.efficiency = given.efficiency.value_or(speed.efficiency);
  return speed;
}

}  // namespace cleave::estimate
