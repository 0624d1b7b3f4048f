#include "simulate/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

namespace cleave::simulate {

namespace {

class Weights {
 public:
  Weights(Schedule schedule, std::int64_t batch)
      : schedule_(schedule), batch_(schedule == Schedule::one_f_one_b ? 1 : batch) {}

  // The version of micro-batch k (from 1) for its next computation.
  std::int32_t use(std::int32_t k) {
    const auto [at, first] = in_flight_.try_emplace(k, Use{version_for(k), 0});
    if (first) last_begun_ = std::max(last_begun_, k);
    ++at->second.computations;
    count_alive();
    return at->second.version;
  }
  // After the computation: whether the micro-batch is done, of so many.
  void done(std::int32_t k, std::uint32_t computations) {
    const auto at = in_flight_.find(k);
    if (at->second.computations < computations) return;
    in_flight_.erase(at);
    if (++finished_ % batch_ == 0) ++newest_;
    count_alive();
  }

  [[nodiscard]] std::int32_t newest() const { return newest_; }
  [[nodiscard]] int most_alive() const { return most_alive_; }

 private:
  struct Use {
    std::int32_t version;
    std::uint32_t computations;  // so far
  };

  [[nodiscard]] std::int32_t version_for(std::int32_t k) const {
    if (schedule_ != Schedule::two_bw) return newest_;
    return std::max(static_cast<std::int32_t>((k - 1) / batch_) - 1, 0);
  }

  void count_alive() {
    std::set<std::int32_t> alive{newest_, std::min(version_for(last_begun_ + 1), newest_)};
    for (const auto& [k, use] : in_flight_) alive.insert(use.version);
    most_alive_ = std::max(most_alive_, static_cast<int>(alive.size()));
  }

  Schedule schedule_;
  std::int64_t batch_;
  std::map<std::int32_t, Use> in_flight_;  // by micro-batch
  std::int32_t last_begun_ = 0;
  std::int64_t finished_ = 0;
  std::int32_t newest_ = 0;
  int most_alive_ = 0;
};

int promised_versions(Schedule schedule) {
  if (schedule == Schedule::one_f_one_b) return std::numeric_limits<int>::max();
  return schedule == Schedule::two_bw ? 2 : 1;
}

base::Error broken(Schedule schedule, const Slice& slice, std::string_view what) {
  return {base::ErrorCode::internal,
          fmt::format("{}: stage {} at micro-batch {}: {}", to_string(schedule), slice.stage,
                      slice.micro_batch, what),
          {}};
}

}  // namespace

base::Result<std::vector<int>> track_weights(const std::vector<TrainedStage>& stages,
                                             Schedule schedule, std::int64_t batch,
                                             std::vector<Slice>& slices, bool by_device) {
  std::vector<int> most_alive(stages.size(), 0);
  if (schedule == Schedule::inference) return most_alive;
  std::vector<Weights> weights(stages.size(), Weights(schedule, batch));
  for (Slice& slice : slices) {
    const std::size_t s = by_device ? slice.device.index() : static_cast<std::size_t>(slice.stage);
    if (slice.activity != Activity::compute || !stages[s].updates) continue;
    slice.version = weights[s].use(slice.micro_batch);
    if (slice.version > weights[s].newest()) {
      return broken(schedule, slice,
                    fmt::format("reads version {} of the weights, and the newest is {}",
                                slice.version, weights[s].newest()));
    }
    weights[s].done(slice.micro_batch, stages[s].computations);
    most_alive[s] = weights[s].most_alive();
    if (most_alive[s] > promised_versions(schedule)) {
      return broken(schedule, slice,
                    fmt::format("{} versions of the weights are alive", most_alive[s]));
    }
  }
  return most_alive;
}

}  // namespace cleave::simulate
