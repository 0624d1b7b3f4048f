#include "baselines/interval_split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "baselines/order.h"
#include "cleave/cost/loads.h"
#include "support/random_draft.h"

namespace cleave::baselines {
namespace {

using base::DeviceId;
using base::Duration;
using base::KindId;
using cost::UnitId;

// Tries every cut of the order and every choice of kinds for the pieces.
class Enumeration {
 public:
  Enumeration(const cost::UnitGraph& units, const std::vector<UnitId>& order)
      : units_(units),
        order_(order),
        device_of_(units.size()),
        used_(units.problem().num_kinds(), 0) {}

  // Duration::max() where nothing is allowed and fits.
  Duration best() {
    extend(0);
    return best_;
  }

 private:
  void extend(std::size_t begin) {
    if (begin == order_.size()) {
      const auto found = cost::evaluate(units_.problem(), units_.expand(device_of_));
      if (found.fits) best_ = std::min(best_, found.objective);
      return;
    }
    for (std::size_t k = 0; k < used_.size(); ++k) {
      const auto& devices = units_.problem().kind(KindId(k)).devices;
      if (used_[k] == devices.size()) continue;
      const DeviceId device = devices[used_[k]++];
      for (std::size_t i = begin; i < order_.size(); ++i) {
        if (!units_.allowed(order_[i], KindId(k))) break;
        device_of_[order_[i].index()] = device;
        extend(i + 1);
      }
      --used_[k];
    }
  }

  const cost::UnitGraph& units_;
  const std::vector<UnitId>& order_;
  std::vector<DeviceId> device_of_;
  std::vector<std::size_t> used_;  // [kinds]
  Duration best_ = Duration::max();
};

TEST(IntervalSplit, IsTheBestOfAllCutsOfTheOrder) {
  int found = 0, impossible = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    const auto problem = support::build(support::random_draft(seed, {.max_operators = 8})).value();
    const cost::UnitGraph units = cost::fuse_cycles(cost::UnitGraph(problem));
    const std::vector<UnitId> order = depth_first_order(units);
    const Duration best = Enumeration(units, order).best();
    const auto placement = split_into_intervals(units, order);
    ASSERT_EQ(placement.has_value(), best != Duration::max());
    ++(placement ? found : impossible);
    if (!placement) continue;
    ASSERT_EQ(cost::evaluate(problem, *placement).objective, best);
  }
  EXPECT_GT(found, 1000);
  EXPECT_GT(impossible, 20);
}

TEST(DepthFirstOrder, IsTopologicalAndFollowsABranchToItsEnd) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const cost::UnitGraph units =
        cost::fuse_cycles(cost::UnitGraph(support::build(support::random_draft(seed)).value()));
    const std::vector<UnitId> order = depth_first_order(units);
    ASSERT_EQ(order.size(), units.size());
    std::vector<std::size_t> position(units.size());
    for (std::size_t i = 0; i < order.size(); ++i) position[order[i].index()] = i;
    for (const UnitId unit : order) {
      for (const UnitId successor : units.successors(unit)) {
        ASSERT_LT(position[unit.index()], position[successor.index()]);
      }
    }
  }
}

}  // namespace
}  // namespace cleave::baselines
