#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "cleave/base/result.h"
#include "cleave/model/graph.h"
#include "cleave/workload/workload.h"

namespace cleave::workload {

using base::Values;

// Each family: its parameters, and the graph that they give.

[[nodiscard]] std::span<const Parameter> bert_parameters();
[[nodiscard]] base::Result<model::Graph> build_bert(const Values& values, bool training);

[[nodiscard]] std::span<const Parameter> moe_parameters();
[[nodiscard]] base::Result<model::Graph> build_moe(const Values& values, bool training);

[[nodiscard]] std::span<const Parameter> resnet50_parameters();
[[nodiscard]] base::Result<model::Graph> build_resnet50(const Values& values, bool training);

[[nodiscard]] std::span<const Parameter> inception_parameters();
[[nodiscard]] base::Result<model::Graph> build_inception(const Values& values, bool training);

[[nodiscard]] std::span<const Parameter> gnmt_parameters();
[[nodiscard]] base::Result<model::Graph> build_gnmt(const Values& values, bool training);

[[nodiscard]] std::span<const Parameter> chain_parameters();
[[nodiscard]] base::Result<model::Graph> build_chain(const Values& values, bool training);

[[nodiscard]] std::span<const Parameter> random_parameters();
[[nodiscard]] base::Result<model::Graph> build_random(const Values& values, bool training);

// Parameters that several families have.
inline constexpr Parameter kBatch{"batch", 1, 1, 1024, "samples in a mini-batch"};
inline constexpr Parameter kLink{"link", 50, 1, 10000,
                                 "GB/s of a link: prices transfers where the devices name none"};
inline constexpr Parameter kSeed{
    "seed", 0, 0, std::int64_t{1} << 62,
    "0: times as the shapes give them; else each is scaled by a random 0.5 to 1.5"};

}  // namespace cleave::workload
