// PipeDream-2BW's rule (Narayanan et al., ICML 2021, section 4.1): stages of equally many blocks,
// all on equally many devices.

#include <algorithm>
#include <utility>

#include "cleave/baselines/baseline.h"
#include "cleave/hybrid/repeats.h"

namespace cleave::baselines {

using base::DeviceId;
using base::KindId;
using base::OperatorId;

namespace {

class EqualStages {
 public:
  EqualStages(const model::Problem& problem, std::size_t blocks, std::vector<std::size_t> pieces)
      : problem_(problem), blocks_(blocks), pieces_(std::move(pieces)) {}

  // Tries every depth on every number of devices a stage.
  void try_kind(const model::Kind& kind) {
    const model::StageChoices& asked = *problem_.question().stages;
    for (std::size_t depth = 1; depth <= blocks_; ++depth) {
      if (blocks_ % depth != 0) continue;
      for (std::size_t width = 1; width * depth <= kind.devices.size(); ++width) {
        if (width > static_cast<std::size_t>(asked.max_replicas)) break;
        if (asked.micro_batches % static_cast<std::int64_t>(width) != 0) continue;
        if (asked.recompute != model::Recompute::always) try_grid(kind, width, depth, false);
        if (asked.recompute != model::Recompute::never) try_grid(kind, width, depth, true);
      }
    }
  }

  [[nodiscard]] std::optional<EqualBlocks> take() && { return std::move(best_); }

 private:
  [[nodiscard]] std::size_t stage_of(OperatorId op, std::size_t depth) const {
    const std::size_t block = std::clamp<std::size_t>(pieces_[op.index()], 1, blocks_) - 1;
    return block / (blocks_ / depth);
  }

  // The last stage is on the last devices.
  [[nodiscard]] std::vector<cost::ChosenStage> make_stages(const model::Kind& kind,
                                                           std::size_t width, std::size_t depth,
                                                           bool recompute) const {
    std::vector<cost::ChosenStage> stages(depth);
    for (const OperatorId op : problem_.graph().topological_order()) {
      stages[stage_of(op, depth)].operators.push_back(op);
    }
    auto device = kind.devices.end() - static_cast<std::ptrdiff_t>(width * depth);
    for (cost::ChosenStage& stage : stages) {
      stage.devices.assign(device, device + static_cast<std::ptrdiff_t>(width));
      stage.recompute = recompute;
      device += static_cast<std::ptrdiff_t>(width);
    }
    return stages;
  }

  void try_grid(const model::Kind& kind, std::size_t width, std::size_t depth, bool recompute) {
    EqualBlocks found{width, make_stages(kind, width, depth, recompute), base::Duration(0)};
    const cost::StagesEvaluation evaluation = cost::evaluate_stages(problem_, found.stages);
    if (best_ && evaluation.objective >= best_->objective) return;
    const auto memory = problem_.memory(kind.device_class);
    const bool fits =
        !memory || std::all_of(evaluation.devices.begin(), evaluation.devices.end(),
                               [&](const auto& device) { return device.memory <= *memory; });
    const auto micro_batches = static_cast<std::size_t>(problem_.question().stages->micro_batches);
    const bool fills =
        problem_.schedule() != model::Schedule::two_bw || width * depth <= micro_batches;
    if (!fits || !fills) return;
    found.objective = evaluation.objective;
    best_ = std::move(found);
  }

  const model::Problem& problem_;
  std::size_t blocks_;
  std::vector<std::size_t> pieces_;  // [operators]
  std::optional<EqualBlocks> best_;
};

bool allows_all(const model::Problem& problem, KindId kind) {
  for (std::size_t v = 0; v < problem.graph().num_operators(); ++v) {
    if (!problem.allowed(OperatorId(v), kind)) return false;
  }
  return true;
}

}  // namespace

std::optional<EqualBlocks> equal_blocks(const model::Problem& problem) {
  const auto repeats = hybrid::find_repeats(problem.graph());
  if (!repeats) return std::nullopt;
  auto pieces = hybrid::pieces_of(problem.graph(), *repeats);
  if (!pieces) return std::nullopt;
  EqualStages search(problem, repeats->count, std::move(pieces).value());
  for (std::size_t k = 0; k < problem.num_kinds(); ++k) {
    if (allows_all(problem, KindId(k))) search.try_kind(problem.kind(KindId(k)));
  }
  return std::move(search).take();
}

}  // namespace cleave::baselines
