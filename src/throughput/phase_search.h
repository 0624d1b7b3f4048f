#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/bounds/boundary_cuts.h"
#include "cleave/bounds/profile.h"
#include "throughput/chain_search.h"
#include "throughput/frame.h"
#include "throughput/order_search.h"
#include "throughput/pool_search.h"

namespace cleave::throughput {

/// Minimises the largest load in one phase, given a cap on the largest load in the other. (With
/// one phase that is the whole problem.) Brings together, from cheap to dear: splits of orders,
/// bounds from windows and from single nodes, exact search; and where that does not settle it, in
/// rounds of rising effort, bounds from boundary cuts, splits along pools of good boundaries, and
/// exact search between bound and incumbent.
class PhaseSearch {
 public:
  struct Result {
    std::optional<Found> best;  ///< within the caps
    Amount lower_bound = 0;     ///< above the cap: no chain keeps the caps
    std::string_view method;    ///< of the bound; static storage
    base::StopReason stop = base::StopReason::finished;
  };
  using Report = std::function<void(const Result&)>;

  /// REQUIRES: all arguments outlive the search. `effort_spent` adds up
  /// ChainSearch::Outcome::effort.
  PhaseSearch(const Contracted& graph, const base::Limits& limits, const base::Deadline& deadline,
              std::uint64_t& effort_spent);

  /// REQUIRES: caps are finite. `report` hears whenever the incumbent or the bound moves. The
  /// result is final unless `stop` names a limit.
  [[nodiscard]] Result minimise(const Caps& caps, std::size_t phase, Amount lower_bound,
                                const Report& report);

 private:
  [[nodiscard]] bool open() const {
    return result_.lower_bound <= caps_.by_phase[phase_] &&
           result_.stop == base::StopReason::finished;
  }
  void accept(const Found& found);
  void raise(Amount bound, std::string_view method);
  void split_orders(std::size_t begin, std::size_t end);
  void raise_by_windows();
  void raise_by_profile(std::size_t num_ranges);
  void raise_by_sweep();
  void search_pool();
  /// Ends after so many thresholds that the effort did not settle.
  void exhaust(std::uint64_t effort, int failures);
  [[nodiscard]] Amount threshold() const;
  [[nodiscard]] bounds::Profile::Machine machine(Amount value);
  [[nodiscard]] std::optional<bounds::Completion> completion(Amount value);
  void check_gap();

  const Contracted& graph_;
  const base::Limits& limits_;
  const base::Deadline& deadline_;
  std::uint64_t& effort_spent_;
  Levels levels_;
  std::optional<Reachability> reach_;  // where the graph is small enough for more than splits
  std::size_t max_positions_;          // at which one order may be cut
  Frame frame_;
  std::vector<std::vector<Node>> orders_;
  std::unique_ptr<IdealStore> store_;
  std::unique_ptr<ChainSearch> search_;

  // Where the profile applies: the kind that pays transfers, and the ideals it finds.
  std::optional<std::size_t> reference_;
  std::optional<bounds::BoundaryCuts> cuts_;
  std::optional<bounds::Profile> profile_;
  std::vector<Word> boundaries_;

  // The current call of minimise().
  Caps caps_;  // tightened to below the incumbent
  std::size_t phase_ = 0;
  Result result_;
  const Report* report_ = nullptr;
  double fraction_ = 1.0;    // of the way from the bound to the incumbent, for the next threshold
  int memory_failures_ = 0;  // in a row, without progress between them
};

}  // namespace cleave::throughput
