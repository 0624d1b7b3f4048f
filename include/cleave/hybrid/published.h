#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "cleave/hybrid/plan.h"

/// The settings that the PipeDream-2BW paper measured (Narayanan et al., ICML 2021, section 5), and
/// what our formulas predict for them. No constant is fitted to them.
namespace cleave::hybrid {

/// A figure a method, as read off the paper's plots by eye: good to about 10 %.
/// nullopt: it is not there, or out of memory.
struct Readings {
  std::optional<double> inter_layer, tensor_parallel, gpipe, flush, two_bw;

  /// nullopt for data parallelism, which the paper did not run.
  [[nodiscard]] std::optional<double> of(Method method) const;
};

/// One measurement: every method with as many stages, all devices in use, recomputing.
struct Setting {
  std::string_view name;
  Transformer transformer;
  std::int64_t devices = 0;
  std::int64_t depth = 0;  ///< stages, or devices of a tensor-parallel group
  std::int64_t batch = 0;
  Readings samples_per_second;
  Readings gigabytes;  ///< a device, the fullest
};

[[nodiscard]] std::span<const Setting> published();

/// Servers of eight V100 with 16 GB, of which so many devices are used. By public data sheets:
///   inside   50 GB/s each way: two NVLinks of 25 GB/s between neighbours (NVIDIA V100 data sheet:
///            six links, 300 GB/s both ways together; a ring through all eight has two at each hop)
///   between  25 Gbit/s a server (Amazon EC2 p3.16xlarge)
[[nodiscard]] Cluster published_cluster(std::int64_t devices);

/// 30 % of 125 Tflop/s, the V100's half-precision peak: what Shoeybi et al. (2019, section 5)
/// measured on one V100 with a GPT of 1.2 billion parameters. A launch takes 5 us, our assumption
/// as in estimate.
[[nodiscard]] Speed published_speed();

/// The setting's model in micro-batches of 1, 2, 4, 8 and 16 samples, or of `samples` alone.
/// REQUIRES: samples is 1 to 1000.
[[nodiscard]] std::vector<BlockModel> published_models(const Setting& setting,
                                                       std::optional<std::int64_t> samples);
/// The setting as a request.
[[nodiscard]] Request published_request(const Setting& setting);

}  // namespace cleave::hybrid
