#pragma once

#include <string>
#include <vector>

#include "cleave/base/units.h"
#include "cleave/check/check.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

// What both objectives ask of a placement. Each rule adds a sentence for whatever breaks it, up to
// a number that a person would read.
namespace cleave::check {

using Violations = std::vector<std::string>;

/// Whether every operator has a device of the machine.
bool everywhere_placed(const model::Problem& problem, const model::Placement& placement,
                       Violations& out);
// REQUIRES of the others: everywhere_placed().
void check_allowed(const model::Problem& problem, const model::Placement& placement,
                   Violations& out);
void check_colocation(const model::Problem& problem, const model::Placement& placement,
                      Violations& out);
/// `devices` is [devices].
void check_memory(const model::Problem& problem, const std::vector<model::DeviceLoad>& devices,
                  Violations& out);

/// Notes in a verdict which rules its violations break. close() a rule once it has been checked.
class BrokenRules {
 public:
  explicit BrokenRules(Verdict& verdict) : verdict_(verdict) {}
  void close(Rule rule);

 private:
  Verdict& verdict_;
  std::size_t known_ = 0;  // violations of the rules before
};

/// Time to move in, compute and move out.
struct Share {
  base::Duration in{0};
  base::Duration compute{0};
  base::Duration out{0};
};
Share operator+(const Share& a, const Share& b);
/// What the transfer model makes of the three.
base::Duration combine(model::Transfers transfers, const Share& share);

}  // namespace cleave::check
