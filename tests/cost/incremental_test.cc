#include "cleave/cost/incremental.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cleave/base/random.h"
#include "cleave/check/check.h"
#include "support/random_draft.h"

namespace cleave::cost {
namespace {

using base::DeviceId;

std::vector<DeviceId> allowed_devices(const UnitGraph& units, UnitId unit) {
  const model::Problem& problem = units.problem();
  std::vector<DeviceId> devices;
  for (std::size_t d = 0; d < problem.machine().num_devices(); ++d) {
    if (units.allowed(unit, problem.kind_of(DeviceId(d)))) devices.push_back(DeviceId(d));
  }
  return devices;
}

// evaluate() against the checker, which shares no code with it, and the increments against both.
void expect_all_agree(const IncrementalLoads& loads) {
  const model::Placement placement = loads.placement();
  const Evaluation whole = evaluate(loads.units().problem(), placement);
  const check::Verdict verdict = check::examine(loads.units().problem(), placement);
  ASSERT_EQ(whole.devices, verdict.devices);
  EXPECT_EQ(whole.objective, verdict.objective);
  ASSERT_TRUE(std::equal(whole.devices.begin(), whole.devices.end(), loads.devices().begin(),
                         loads.devices().end()));
  EXPECT_EQ(whole.objective, loads.objective());
  bool fits = true;
  for (std::size_t d = 0; d < whole.devices.size(); ++d) fits = fits && loads.fits(DeviceId(d));
  EXPECT_EQ(whole.fits, fits);
}

TEST(IncrementalLoads, AgreeWithEvaluateAndCheckAfterEveryMoveAndUndo) {
  int tried = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    const UnitGraph units(support::build(support::random_draft(seed)).value());
    std::vector<std::vector<DeviceId>> choices;
    for (std::size_t u = 0; u < units.size(); ++u) {
      choices.push_back(allowed_devices(units, UnitId(u)));
    }
    if (std::any_of(choices.begin(), choices.end(), [](const auto& c) { return c.empty(); })) {
      continue;
    }
    ++tried;
    base::Random random(seed);
    const auto pick = [&](UnitId unit) {
      const auto& devices = choices[unit.index()];
      return devices[random.below(devices.size())];
    };
    std::vector<DeviceId> start;
    for (std::size_t u = 0; u < units.size(); ++u) start.push_back(pick(UnitId(u)));
    IncrementalLoads loads(units, start);
    expect_all_agree(loads);
    for (int step = 0; step < 20; ++step) {
      const UnitId unit(static_cast<std::size_t>(random.below(units.size())));
      const std::vector<model::DeviceLoad> before(loads.devices().begin(), loads.devices().end());
      const DeviceId from = loads.move(unit, pick(unit));
      expect_all_agree(loads);
      if (random.chance(0.3)) {
        loads.move(unit, from);
        ASSERT_TRUE(std::equal(before.begin(), before.end(), loads.devices().begin()));
      }
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(tried, 1000);
}

}  // namespace
}  // namespace cleave::cost
