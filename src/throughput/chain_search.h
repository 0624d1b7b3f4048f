#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/bounds/profile.h"
#include "throughput/frame.h"
#include "throughput/order_search.h"
#include "throughput/stage_pricer.h"

namespace cleave::throughput {

/// The exact search for the best chain of down-sets within caps: dynamic programming over states
/// (ideal, level), growing stages one node at a time, with the exact prunes argued in
/// docs/algorithms/contiguous.md. Ideals are kept from one run to the next.
class ChainSearch {
 public:
  struct Options {
    Caps caps;                        ///< loads of all stages
    std::size_t objective_phase = 0;  ///< whose largest load is minimised
    Amount lower_bound = 0;           ///< proven for that largest load
    std::uint64_t max_effort = 0;     ///< see Outcome::effort; 0: no limit
    base::Bytes max_memory = base::Bytes::max();
    /// What a profile says about thresholds at least as large as the cap; may be null.
    const bounds::Completion* completion = nullptr;
    std::size_t reference = 0;  ///< the profile's kind
  };
  struct Outcome {
    std::optional<Found> best;  ///< within the caps
    /// True: `best` is optimal among chains within the caps, or there are none.
    bool exhausted = false;
    base::StopReason stop = base::StopReason::finished;
    std::uint64_t effort = 0;  ///< stages priced, and kNewIdealEffort for each new ideal
  };

  /// Storing a new ideal takes about as long as pricing so many stages.
  static constexpr std::uint64_t kNewIdealEffort = 8;

  /// REQUIRES: all arguments outlive the search.
  ChainSearch(const Contracted& graph, const Levels& levels, Frame& frame, IdealStore& store,
              const base::Deadline& deadline);

  /// `on_found` hears of every improvement at once.
  [[nodiscard]] Outcome run(const Options& options,
                            const std::function<void(const Found&)>& on_found);

 private:
  using Index = IdealStore::Index;
  static constexpr std::uint32_t kNone = 0xffffffff;

  struct State {
    Index ideal;
    std::uint32_t level;
    Amount value;          // largest load so far, objective phase
    std::uint32_t parent;  // state
    std::uint32_t kind;    // of the stage that led here
    std::uint32_t next;    // another state of the same ideal
  };
  struct Visit {
    Index ideal;
    bool fits;  // within caps and memory
    Amount load[2];
  };

  void expand(std::uint32_t state, std::size_t kind);
  void explore(Index source, Index start, std::size_t level, std::size_t kind);
  [[nodiscard]] bool can_complete(Index ideal, std::size_t level) const;
  [[nodiscard]] bool pushed_forward(const Visit& visit, std::size_t level, std::size_t kind,
                                    Amount value);
  void reach(Index ideal, std::size_t level, Amount value, std::uint32_t parent, std::size_t kind);
  [[nodiscard]] bool dominated(Index ideal, std::size_t level, Amount value,
                               std::uint32_t self) const;
  [[nodiscard]] Found trace(std::uint32_t state) const;
  void set_blocked(std::size_t level, std::size_t kind);
  [[nodiscard]] bool out_of_effort();

  const Contracted& graph_;
  const Levels& levels_;
  Frame& frame_;
  IdealStore& store_;
  const base::Deadline& deadline_;
  StagePricer pricer_;

  Options options_;
  const std::function<void(const Found&)>* on_found_ = nullptr;
  Outcome outcome_;
  std::size_t ideals_before_ = 0;
  std::uint64_t priced_ = 0;
  std::vector<State> states_;
  std::vector<std::uint32_t> first_state_;            // [ideals]
  std::vector<std::vector<std::uint32_t>> by_level_;  // [levels]
  std::vector<std::uint8_t> blocked_;                 // [edges]
  std::vector<Visit> visits_;
  std::vector<std::uint32_t> visit_epoch_, visit_slot_;  // [ideals]
  std::uint32_t epoch_ = 0;
};

}  // namespace cleave::throughput
