#include "support/latency_draft.h"

#include <algorithm>

#include "cleave/base/random.h"

namespace cleave::support {

namespace {

// A pool is named like its class, not by a number.
void name_pools(const std::vector<model::DeviceClass>& classes,
                std::vector<model::DeviceRule>& rules) {
  for (model::DeviceRule& rule : rules) {
    for (const model::DeviceClass& c : classes) {
      if (!c.pays_transfers && rule.device.starts_with(c.name)) rule.device = c.name;
    }
  }
}

}  // namespace

Draft random_latency_draft(std::uint64_t seed, const Size& size) {
  Draft draft = random_draft(seed, size);
  base::Random random(~seed);
  model::Question& question = draft.question;
  question.objective = model::Objective::latency;
  question.schedule.reset();
  const double rule = random.unit();
  // Without a limit on calls brute force has as many slots as operators.
  question.placement = rule < 0.4 ? model::PlacementRule::contiguous
                       : rule < 0.6 && draft.operators.size() <= 4 ? model::PlacementRule::any
                                                                   : model::PlacementRule::slots;
  question.slots = random.chance(0.1) ? 3 : static_cast<int>(random.between(1, 2));
  if (random.chance(0.3)) question.workers = static_cast<int>(random.between(1, 3));
  name_pools(draft.classes, question.pins);
  name_pools(draft.classes, question.forbids);
  // As pools, two devices may have become one that a pin asks for and a forbid excludes.
  if (!build(draft)) {
    question.pins.clear();
    question.forbids.clear();
  }
  return draft;
}

}  // namespace cleave::support
