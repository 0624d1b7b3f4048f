#include "cleave/base/parameters.h"

#include <algorithm>
#include <cassert>

namespace cleave::base {
namespace {

std::string list_names(std::span<const Parameter> parameters) {
  std::string text;
  for (const Parameter& p : parameters) text += (text.empty() ? "" : ", ") + std::string(p.name);
  return text;
}

}  // namespace

Result<Values> Values::create(std::string_view owner, std::span<const Parameter> parameters,
                              const std::vector<Setting>& settings) {
  Values values(parameters);
  const std::string of = " of " + std::string(owner);
  for (const Setting& setting : settings) {
    const auto found = std::find_if(values.parameters_.begin(), values.parameters_.end(),
                                    [&](const Parameter& p) { return p.name == setting.name; });
    if (found == values.parameters_.end()) {
      return bad_input(std::string(owner) + " has no parameter '" + setting.name + "'; it has " +
                       list_names(parameters));
    }
    if (setting.value < found->low || setting.value > found->high) {
      return bad_input("parameter '" + setting.name + "'" + of + " is " +
                       std::to_string(setting.value) + ", outside " + std::to_string(found->low) +
                       " to " + std::to_string(found->high));
    }
    found->value = setting.value;
  }
  return values;
}

std::int64_t Values::operator[](std::string_view name) const {
  const auto found = std::find_if(parameters_.begin(), parameters_.end(),
                                  [&](const Parameter& p) { return p.name == name; });
  assert(found != parameters_.end() && "there is no such parameter");
  return found->value;
}

}  // namespace cleave::base
