#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "check/relaxation.h"

namespace cleave::check {

/// How much work is left before a check gives up: labels and states looked at.
struct Effort {
  std::uint64_t left = 0;
  /// Whether there was so much left; if not, there is nothing left.
  bool spend(std::uint64_t work) {
    const bool enough = work <= left;
    left -= enough ? work : left;
    return enough;
  }
};

/// The sets that a device of one kind can hold within a threshold on its load, and that weigh more
/// than a given weight. They are built part by part along an order. A *state* says, of every edge
/// that the parts so far have touched and later ones will, whether its pins so far are all outside,
/// all inside, or on both sides, and so paid for. A *label* is a state with a load and a weight.
///
/// Everything is rounded so that sets may seem lighter to carry than they are, never heavier: what
/// is not found does not exist. The order is a hint; any gives true answers. Not thread-safe.
class HeavySets {
 public:
  /// Parts missing in `order` come last, repeated ones count once.
  HeavySets(const Relaxation& relaxation, std::size_t kind, std::span<const Part> order);

  struct Search {
    std::span<const std::int64_t> weights;  ///< [parts]; sizes add up to at most 2^50
    Amount threshold = 0;                   ///< ≥ 0
    std::int64_t above = 0;
    std::size_t max_labels = 0;  ///< more than so many at once are blurred
    /// Only sets that cut this edge are meant; all are, where it is left out or weighs nothing.
    std::optional<std::uint32_t> cutting = std::nullopt;
  };
  struct Finding {
    std::int64_t most = 0;  ///< no set within the threshold weighs more, unless `stopped`
    bool blurred = false;   ///< more labels, and fewer edges left out, may find less
    bool stopped = false;   ///< by the effort; nothing is known
  };
  [[nodiscard]] Finding find(const Search& search, Effort& effort) const;

 private:
  using State = std::uint64_t;    // two bits a slot
  using StateId = std::uint32_t;  // of those in front of one position
  static constexpr StateId kNone = 0xffffffff;

  // An edge that a position's part is a pin of, and where its state is kept.
  struct Touch {
    std::uint32_t edge;
    unsigned shift;
    bool first, last;  // of the edge's pins in the order
  };
  // From a state, with the part outside [0] or inside [1].
  struct Move {
    std::array<StateId, 2> to{kNone, kNone};
    std::array<Amount, 2> load{0, 0};
  };
  struct Position {
    Part part;
    std::vector<Touch> touches;
    std::vector<State> states;
    std::vector<Move> moves;  // [states]
  };
  // For a price of load: the most weight, less the price, that the rest of the order can add.
  struct Outlook {
    std::int64_t price;
    std::int64_t bound;  // on the weight of all sets
    bool too_heavy;      // the set that the bound is of is above the threshold
    std::vector<std::vector<std::int64_t>> rest;  // [positions + 1][states]
  };
  struct Label {
    StateId state;
    Amount load;
    std::int64_t weight;
  };
  // Where an edge that has to be cut has its last pin.
  struct Closing {
    std::size_t position;
    Touch touch;
  };
  // Loads in prices are whole units, rounded down.
  struct Units {
    unsigned shift = 0;
    std::int64_t limit = 0;  // the threshold
    explicit Units(Amount threshold);
    [[nodiscard]] std::int64_t of(Amount load) const { return load >> shift; }
  };

  [[nodiscard]] std::vector<bool> choose_edges(std::size_t width) const;
  void assign_slots(const std::vector<bool>& chosen);
  bool build_states(bool limited);
  [[nodiscard]] bool turns_mixed(const Touch& touch, State state, bool inside) const;
  [[nodiscard]] std::optional<Closing> closing(const Search& search) const;
  [[nodiscard]] bool barred(const std::optional<Closing>& closing, std::size_t position,
                            StateId state, bool inside) const;
  [[nodiscard]] Outlook look(const Search& search, const Units& units, std::int64_t price) const;
  [[nodiscard]] std::vector<Outlook> outlooks(const Search& search, const Units& units,
                                              Effort& effort) const;
  static void keep_best(std::vector<Label>& labels);
  static void blur(std::vector<Label>& labels, Amount threshold, std::size_t max_labels);

  const Relaxation& relaxation_;
  std::size_t kind_;
  std::vector<std::size_t> position_of_;  // [parts]
  std::vector<Position> positions_;
  std::vector<bool> charged_;  // [edges]; the others weigh nothing here
  bool complete_ = true;       // every edge that weighs is charged
  std::uint64_t num_states_ = 0;
};

}  // namespace cleave::check
