#include <algorithm>
#include <cassert>
#include <limits>

#include "cleave/hybrid/plan.h"

namespace cleave::hybrid {

namespace {

using base::Bytes;
using base::Duration;
__extension__ using Wide = __int128;

Duration times(Wide factor, Duration duration) {
  return Duration(static_cast<std::int64_t>(
      std::min<Wide>(factor * duration.count(), base::kMaxDuration.count())));
}

Bytes times(Wide factor, Bytes bytes) {
  return Bytes(
      static_cast<std::int64_t>(std::min<Wide>(factor * bytes.count(), Bytes::max().count())));
}

// Rounded up.
std::int64_t divide(Wide dividend, std::int64_t divisor) {
  return static_cast<std::int64_t>((dividend + divisor - 1) / divisor);
}

struct Stage {
  Duration forward{0};   // with the transfer of its input
  Duration backward{0};  // with recomputation, and the transfer of its input's gradient
  Duration all_reduce{0};
  Bytes weights, state;
  Bytes blocks_stash, last_stash;

  [[nodiscard]] Duration time() const { return forward + backward; }
};

std::vector<Stage> make_stages(const BlockModel& model, const Cluster& cluster,
                               const Choice& choice) {
  const Grid& grid = choice.grid;
  const std::vector<Route> borders = border_routes(cluster, grid);
  const std::vector<Route> rings = ring_routes(cluster, grid);
  const auto depth = static_cast<std::size_t>(grid.depth);
  const std::size_t blocks = model.blocks.size() / depth;
  std::vector<Stage> stages;
  for (std::size_t s = 0; s < depth; ++s) {
    Piece piece;
    for (std::size_t i = s * blocks; i < (s + 1) * blocks; ++i) piece += model.blocks[i];
    const Duration again = choice.recompute ? piece.forward : Duration(0);
    const Bytes blocks_stash = piece.stash;
    if (s == 0) piece += model.first;
    if (s + 1 == depth) piece += model.last;
    if (depth == 1) {
      piece.weights -= model.tied_weights;
      piece.state -= model.tied_state;
    }
    const Duration border = s == 0 ? Duration(0) : transfer_time(borders[s], model.border);
    stages.push_back({piece.forward + border, again + piece.backward + border,
                      all_reduce_time(rings[s], grid.width, piece.weights), piece.weights,
                      piece.state, blocks_stash, piece.stash - blocks_stash});
  }
  return stages;
}

// Of one quantity over the stages.
struct Passage {
  Duration sum{0};
  Duration most{0};
};
template <class Quantity>
Passage pass(const std::vector<Stage>& stages, Quantity quantity) {
  Passage passage;
  for (const Stage& stage : stages) {
    const Duration duration = quantity(stage);
    passage.sum += duration;
    passage.most = std::max(passage.most, duration);
  }
  return passage;
}

// A pipeline fills, is as fast as its slowest stage, and runs empty.
Duration run(const Passage& passage, std::int64_t micro_batches) {
  return times(1, passage.sum + times(micro_batches - 1, passage.most));
}

void set_times(const std::vector<Stage>& stages, const Choice& choice, Figures& figures) {
  const std::int64_t m = figures.micro_batches;
  const Passage both = pass(stages, [](const Stage& s) { return s.time(); });
  figures.all_reduce = pass(stages, [](const Stage& s) { return s.all_reduce; }).most;
  figures.period = both.most;
  switch (choice.method) {
    case Method::data_parallel:
    case Method::inter_layer:
      figures.period = both.sum;
      figures.batch_time = times(m, both.sum) + figures.all_reduce;
      return;
    case Method::two_bw:
      figures.period = std::max(both.most, Duration(divide(figures.all_reduce.count(), m)));
      figures.batch_time = times(m, figures.period);
      return;
    case Method::gpipe: {
      const std::int64_t round = m / choice.rounds;
      const Passage forward = pass(stages, [](const Stage& s) { return s.forward; });
      const Passage backward = pass(stages, [](const Stage& s) { return s.backward; });
      figures.period = forward.most + backward.most;
      figures.batch_time =
          times(choice.rounds, run(forward, round) + run(backward, round)) + figures.all_reduce;
      return;
    }
    case Method::flush:
    case Method::tensor_parallel:
      figures.batch_time = run(both, m) + figures.all_reduce;
      return;
  }
}

std::int64_t in_flight(const Choice& choice, std::int64_t micro_batches, std::int64_t stage) {
  switch (choice.method) {
    case Method::two_bw:
    case Method::flush:
      return std::min(micro_batches, choice.grid.depth - stage);
    case Method::gpipe:
      return micro_batches / choice.rounds;
    case Method::data_parallel:
    case Method::inter_layer:
    case Method::tensor_parallel:
      return 1;
  }
  return 1;
}

void set_memory(const BlockModel& model, const std::vector<Stage>& stages, const Choice& choice,
                Figures& figures) {
  const int versions = choice.method == Method::two_bw ? 2 : 1;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const Stage& stage = stages[s];
    const std::int64_t flying =
        in_flight(choice, figures.micro_batches, static_cast<std::int64_t>(s));
    const Bytes always = choice.recompute ? stage.blocks_stash : Bytes(0);
    const Bytes each =
        model.border + stage.last_stash + (choice.recompute ? Bytes(0) : stage.blocks_stash);
    Figures full = figures;
    full.weights = times(versions, stage.weights);
    full.state = stage.state;
    full.activations = always + times(flying, each);
    if (s == 0 || full.memory() > figures.memory()) figures = full;
  }
}

// The group as one stage whose work and memory are split, at the price of all-reduces in each
// block.
Stage make_group(const BlockModel& model, const Cluster& cluster, const Choice& choice) {
  const Grid& grid = choice.grid;
  const TensorSplit& split = *model.tensor;
  const std::int64_t p = grid.depth;
  // A group is what would be a stage with replicas: neighbours that talk to one another.
  const Grid groups{p, grid.width, Layout::replicas_together};
  Duration group_ring{0};
  for (const Route& route : ring_routes(cluster, groups)) {
    group_ring = std::max(group_ring, all_reduce_time(route, p, model.border));
  }
  const auto blocks = static_cast<std::int64_t>(model.blocks.size());
  const auto split_time = [&](Duration whole, Duration launches) {
    return Duration(divide((whole - launches).count(), p)) + launches;
  };
  Piece inner;
  for (const Piece& block : model.blocks) inner += block;
  const Duration launches = times(blocks, split.launches);
  const Duration reduces = times(blocks * TensorSplit::kAllReduces, group_ring);
  const Duration forward = split_time(inner.forward, launches) + reduces;
  const Duration ends_forward = model.first.forward + model.last.forward;
  const Duration ends_backward = model.first.backward + model.last.backward;

  Stage stage;
  stage.forward = forward + Duration(divide(ends_forward.count(), p));
  stage.backward = split_time(inner.backward, 2 * launches) + reduces +
                   Duration(divide(ends_backward.count(), p)) +
                   (choice.recompute ? forward : Duration(0));
  Piece all = inner;
  all += model.first;
  all += model.last;
  const auto share = [&](Bytes whole) { return Bytes(divide(whole.count(), p)); };
  stage.weights = share(all.weights - model.tied_weights);
  stage.state = share(all.state - model.tied_state);
  const Bytes block_stash =
      split.whole_stash + share(model.blocks.front().stash - split.whole_stash);
  stage.blocks_stash = choice.recompute ? times(blocks - 1, model.border) + block_stash
                                        : times(blocks, model.border + block_stash) - model.border;
  stage.last_stash = share(model.last.stash);
  for (const Route& route : ring_routes(cluster, grid)) {
    stage.all_reduce =
        std::max(stage.all_reduce, all_reduce_time(route, grid.width, stage.weights));
  }
  return stage;
}

}  // namespace

Figures evaluate(const BlockModel& model, const Cluster& cluster, const Choice& choice) {
  assert(choice.batch % (choice.grid.width * model.samples) == 0);
  Figures figures;
  figures.micro_batches = choice.batch / (choice.grid.width * model.samples);
  const std::vector<Stage> stages = choice.method == Method::tensor_parallel
                                        ? std::vector<Stage>{make_group(model, cluster, choice)}
                                        : make_stages(model, cluster, choice);
  set_times(stages, choice, figures);
  set_memory(model, stages, choice, figures);
  return figures;
}

}  // namespace cleave::hybrid
