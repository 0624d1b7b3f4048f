#include "cleave/hybrid/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <tuple>

namespace cleave::hybrid {

namespace {

constexpr std::array kMethods{Method::data_parallel, Method::inter_layer, Method::tensor_parallel,
                              Method::gpipe,         Method::flush,       Method::two_bw};

bool is_fit(const Cluster& cluster, const Figures& figures) {
  return !cluster.memory || figures.memory() <= *cluster.memory;
}

// What the method makes of a depth, whatever the request says.
bool allows(Method method, const BlockModel& model, std::int64_t depth) {
  const auto blocks = static_cast<std::int64_t>(model.blocks.size());
  switch (method) {
    case Method::data_parallel:
      return depth == 1;
    case Method::two_bw:
      return blocks % depth == 0;
    case Method::inter_layer:
    case Method::gpipe:
    case Method::flush:
      return depth > 1 && blocks % depth == 0;
    case Method::tensor_parallel:
      return depth > 1 && model.tensor && model.tensor->most % depth == 0;
  }
  return false;
}

std::span<const Layout> layouts(Method method, const Grid& grid) {
  static constexpr std::array kBoth{Layout::replicas_together, Layout::stages_together};
  const std::span<const Layout> both(kBoth);
  if (method == Method::tensor_parallel) return both.last(1);
  return grid.width == 1 || grid.depth == 1 ? both.first(1) : both;
}

// gpipe: one candidate, with the fewest rounds that fit; the others have one round.
Candidate settle(const BlockModel& model, const Cluster& cluster, Choice choice) {
  const std::int64_t m = choice.batch / (choice.grid.width * model.samples);
  const std::int64_t most = choice.method == Method::gpipe ? m : 1;
  for (;; ++choice.rounds) {
    if (m % choice.rounds != 0) continue;
    const Figures figures = evaluate(model, cluster, choice);
    const bool fits = is_fit(cluster, figures);
    if (fits || choice.rounds == most) return {choice, model.samples, figures, fits};
  }
}

class Enumeration {
 public:
  Enumeration(Method method, const Cluster& cluster, const Request& request)
      : method_(method), cluster_(cluster), request_(request) {}

  void add(const BlockModel& model) {
    for (std::int64_t depth = 1; depth <= cluster_.devices; ++depth) {
      if (request_.depth.value_or(depth) != depth || !allows(method_, model, depth)) continue;
      for (std::int64_t width = 1; width * depth <= cluster_.devices; ++width) {
        if (request_.width.value_or(width) == width) add(model, width, depth);
      }
    }
  }

  [[nodiscard]] std::vector<Candidate> take() && { return std::move(candidates_); }

 private:
  void add(const BlockModel& model, std::int64_t width, std::int64_t depth) {
    if (request_.batch % (width * model.samples) != 0) return;
    const std::int64_t m = request_.batch / (width * model.samples);
    if (method_ == Method::two_bw && m < depth) return;
    Grid grid{width, depth, Layout::replicas_together};
    for (const Layout layout : layouts(method_, grid)) {
      grid.layout = layout;
      for (const bool recompute : {false, true}) {
        if (request_.recompute.value_or(recompute) != recompute) continue;
        candidates_.push_back(
            settle(model, cluster_, {method_, grid, request_.batch, 1, recompute}));
      }
    }
  }

  Method method_;
  const Cluster& cluster_;
  const Request& request_;
  std::vector<Candidate> candidates_;
};

base::Status check_request(std::span<const BlockModel> models, const Cluster& cluster,
                           const Request& request) {
  if (request.batch < 1) {
    return base::bad_input(fmt::format("the batch is {}; it has at least 1 sample", request.batch));
  }
  const std::int64_t width = request.width.value_or(1);
  const std::int64_t depth = request.depth.value_or(1);
  if (width < 1 || depth < 1) {
    return base::bad_input(
        fmt::format("width {} and depth {} are asked for; both are at least 1", width, depth));
  }
  if (width > cluster.devices / depth) {
    return base::bad_input(
        fmt::format("{} replicas of {} devices each are more than the cluster's {} devices", width,
                    depth, cluster.devices));
  }
  const auto divides = [&](const BlockModel& model) {
    return request.batch % model.samples == 0 && request.batch / model.samples % width == 0;
  };
  if (std::any_of(models.begin(), models.end(), divides)) return std::monostate{};
  std::vector<std::int64_t> sizes;
  for (const BlockModel& model : models) sizes.push_back(model.samples);
  return base::bad_input(fmt::format(
      "a batch of {} samples over {} replica{} cannot be divided into micro-batches of {}",
      request.batch, width, width == 1 ? "" : "s", fmt::join(sizes, ", ")));
}

std::string describe(const Choice& choice, std::int64_t samples) {
  return fmt::format("{} × {} devices, micro-batches of {}{}", choice.grid.width, choice.grid.depth,
                     samples, choice.recompute ? ", recomputing" : "");
}

// Why a method has no candidate.
std::string explain_none(Method method, std::span<const BlockModel> models, const Cluster& cluster,
                         const Request& request) {
  const BlockModel& model = models.front();
  if (method == Method::tensor_parallel && !model.tensor) {
    return "how to split the operators is not known";
  }
  const std::int64_t low = request.depth.value_or(1);
  const std::int64_t high = request.depth.value_or(cluster.devices);
  for (std::int64_t depth = low; depth <= high; ++depth) {
    if (allows(method, model, depth)) {
      return fmt::format("a batch of {} has too few micro-batches", request.batch);
    }
  }
  if (method == Method::data_parallel) return "has no stages";
  if (low == high) return fmt::format("{} devices cannot share the model evenly", low);
  return fmt::format("no 2 to {} devices can share the model evenly", high);
}

std::string explain_short(const Candidate& candidate, const Cluster& cluster) {
  const base::Bytes need = candidate.figures.memory();
  return fmt::format("at least {} bytes a device ({}), {} more than the {} that it has",
                     need.count(), describe(candidate.choice, candidate.samples),
                     (need - *cluster.memory).count(), cluster.memory->count());
}

// A block that no device can hold, or else the leanest candidate of all.
base::Error explain_infeasible(std::span<const BlockModel> models, const Cluster& cluster,
                               std::span<const Row> rows) {
  const auto infeasible = [](std::string message) {
    return base::Error{base::ErrorCode::infeasible, std::move(message), {}};
  };
  const Row* leanest_row = nullptr;
  for (const Row& row : rows) {
    if (!row.candidate) continue;
    if (leanest_row == nullptr ||
        row.candidate->figures.memory() < leanest_row->candidate->figures.memory()) {
      leanest_row = &row;
    }
  }
  if (leanest_row == nullptr) {
    return base::bad_input(
        fmt::format("no method suits: {}: {}", to_string(rows.back().method), rows.back().reason));
  }
  const auto lighter = [](const Piece& a, const Piece& b) {
    return a.weights + a.state < b.weights + b.state;
  };
  const auto& blocks = models.front().blocks;
  const Piece& block = *std::max_element(blocks.begin(), blocks.end(), lighter);
  const base::Bytes alone = block.weights + block.state;
  if (alone > *cluster.memory) {
    return infeasible(fmt::format(
        "a block alone needs {} bytes for its weights and their state, {} more than the {} that "
        "a device has",
        alone.count(), (alone - *cluster.memory).count(), cluster.memory->count()));
  }
  return infeasible(fmt::format("nothing fits: {} needs {}", to_string(leanest_row->method),
                                leanest_row->reason));
}

}  // namespace

std::string_view to_string(Method method) {
  switch (method) {
    case Method::data_parallel:
      return "data parallel";
    case Method::inter_layer:
      return "inter-layer";
    case Method::tensor_parallel:
      return "tensor parallel";
    case Method::gpipe:
      return "gpipe";
    case Method::flush:
      return "flush";
    case Method::two_bw:
      return "2bw";
  }
  return {};
}

std::span<const Method> methods() { return kMethods; }

std::vector<Candidate> candidates(Method method, std::span<const BlockModel> models,
                                  const Cluster& cluster, const Request& request) {
  Enumeration enumeration(method, cluster, request);
  for (const BlockModel& model : models) enumeration.add(model);
  return std::move(enumeration).take();
}

const Candidate* best(std::span<const Candidate> candidates) {
  const auto key = [](const Candidate& c) {
    return std::tuple(!c.fits, c.figures.batch_time, c.figures.memory());
  };
  const auto it =
      std::min_element(candidates.begin(), candidates.end(),
                       [&](const Candidate& a, const Candidate& b) { return key(a) < key(b); });
  return it == candidates.end() || !it->fits ? nullptr : &*it;
}

const Candidate* leanest(std::span<const Candidate> candidates) {
  const auto it = std::min_element(candidates.begin(), candidates.end(),
                                   [](const Candidate& a, const Candidate& b) {
                                     return a.figures.memory() < b.figures.memory();
                                   });
  return it == candidates.end() ? nullptr : &*it;
}

base::Result<std::vector<Row>> plan(std::span<const BlockModel> models, const Cluster& cluster,
                                    const Request& request) {
  if (auto valid = check_request(models, cluster, request); !valid) return valid.error();
  std::vector<Row> rows;
  for (const Method method : methods()) {
    const std::vector<Candidate> all = candidates(method, models, cluster, request);
    Row row{method, all.size(), std::nullopt, ""};
    if (const Candidate* found = best(all)) {
      row.candidate = *found;
    } else if (const Candidate* lean = leanest(all)) {
      row.candidate = *lean;
      row.reason = explain_short(*lean, cluster);
    } else {
      row.reason = explain_none(method, models, cluster, request);
    }
    rows.push_back(std::move(row));
  }
  if (fastest(rows) == nullptr) return explain_infeasible(models, cluster, rows);
  return rows;
}

const Row* fastest(std::span<const Row> rows) {
  const Row* winner = nullptr;
  for (const Row& row : rows) {
    if (!row.found()) continue;
    if (winner == nullptr ||
        row.candidate->figures.batch_time < winner->candidate->figures.batch_time) {
      winner = &row;
    }
  }
  return winner;
}

double samples_per_second(const Candidate& candidate) {
  return static_cast<double>(candidate.choice.batch) * 1e12 /
         static_cast<double>(candidate.figures.batch_time.count());
}

}  // namespace cleave::hybrid
