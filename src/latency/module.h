#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "latency/call_cost.h"
#include "latency/multiplier.h"
#include "latency/relaxed.h"

namespace cleave::latency {

/// What lies between two neighbours c and d of a chain: the operators that come after c and before
/// d. Where c and d are not in the same call, each of these operators is in c's call, in d's, or in
/// neither, and what is in neither runs between the two, on the pool or in calls of its own.
///
/// For a given price of memory in the two calls, cost() is the least that the calls take for what
/// they hold of the module and its tensors, and the time between them. The module falls into
/// components that no tensor connects, such as parallel branches. Each is tried in every way of
/// giving an ideal to c's call and an up-set to d's; the time between is that of the slowest.
class Module {
 public:
  /// Who has an end of the module.
  struct Side {
    bool call = false;          ///< else the pool
    Multiplier multiplier = 0;  ///< of a call: what memory costs
  };

  /// `between` is the chain's vertices c and d and what lies between, [1, size − 1) ascending.
  /// `charged` is the memory that a vertex stands for: [vertices]. REQUIRES: graph outlives this.
  Module(const Relaxed& graph, const Path& chain, std::size_t end,
         const std::vector<Amount>& charged);

  /// kNever: impossible. `same`: both ends are calls of one accelerator.
  [[nodiscard]] Amount cost(Side before, Side after, bool same) const;

 private:
  // One way to share out a component.
  struct Share {
    Amount before = 0, after = 0;  ///< computing, and moving out or in
    Amount before_memory = 0, after_memory = 0;
    Amount between = 0;  ///< time
    /// Of what is between because of a colocated operator in c's call, or in d's: the least that
    /// a further call of that accelerator takes for it.
    Amount mates_before = 0, mates_after = 0;
    /// A chain through that call takes this much beside it.
    Amount beside_before = 0, beside_after = 0;
    bool before_used = false, after_used = false;
    bool all_before = false;    ///< every consumer of the shared tensor that is here
    bool none_after = false;    ///< no consumer of the shared tensor
    bool parts_mates = false;   ///< colocated operators are in both calls
    bool leaves_mates = false;  ///< colocated operators are between and in a call
  };
  // What the time between is counted as: the slowest component's, or a call that components share
  // and the slowest of what comes beside it.
  enum Between : std::size_t { kSlowest, kMatesBefore, kMatesAfter, kBetweens };
  struct Component {
    std::vector<Share> shares;
    std::array<std::vector<std::uint32_t>, kBetweens> order;  ///< shares by level(), ascending
  };
  class Builder;

  // Of the components' levels the largest counts.
  [[nodiscard]] static Amount level(const Share& share, Between between);

  struct Setting {
    Side before, after;
    bool same, out_paid, in_paid;
  };
  [[nodiscard]] bool possible(const Share& share, const Setting& setting) const;
  [[nodiscard]] Amount priced(const Share& share, const Setting& setting) const;
  [[nodiscard]] Amount least(const Setting& setting) const;
  [[nodiscard]] Amount try_all(const Setting& setting) const;
  [[nodiscard]] Amount share_out(const Setting& setting, Between between) const;

  std::vector<Component> components_;
  std::array<std::vector<Amount>, kBetweens> levels_;  ///< of all shares: ascending, with 0
  Amount out_certain_ = 0, in_certain_ = 0;            ///< moved by c's call, by d's, in any case
  Amount shared_ = 0;        ///< price of c's tensor that goes to several components
  bool shared_out_ = false;  ///< moved out in any case, and counted
  bool shared_in_ = false;
  bool colocated_ = false;        ///< c and d
  bool full_pair_ = false;        ///< two calls of one accelerator leave it no third
  bool leaves_mates_ = false;     ///< some share does
  std::size_t combinations_ = 1;  ///< of shares; counted up to a limit
};

}  // namespace cleave::latency
