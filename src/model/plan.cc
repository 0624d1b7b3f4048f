#include "cleave/model/plan.h"

namespace cleave::model {

std::string_view to_string(PlanStatus status) {
  switch (status) {
    case PlanStatus::optimal:
      return "optimal";
    case PlanStatus::feasible:
      return "feasible";
    case PlanStatus::infeasible:
      return "infeasible";
    case PlanStatus::none:
      return "none";
  }
  return "none";
}

double Plan::gap() const {
  if (objective <= base::Duration::zero()) return 0.0;
  return static_cast<double>((objective - bound.value).count()) /
         static_cast<double>(objective.count());
}

}  // namespace cleave::model
