#include "properties/settings.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace cleave::properties {

namespace {

Settings& mutable_settings() {
  static Settings settings;
  return settings;
}

bool read_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

const Settings& settings() { return mutable_settings(); }

std::optional<std::string> read_settings(int argc, char** argv) {
  struct Source {
    const char* variable;
    std::string_view argument;
    std::uint64_t& number;
  };
  Settings& into = mutable_settings();
  const Source sources[] = {{"CLEAVE_PROPERTY_INSTANCES", "--instances=", into.instances},
                            {"CLEAVE_PROPERTY_SEED", "--first-seed=", into.first_seed}};
  for (const Source& source : sources) {
    const char* value = std::getenv(source.variable);
    if (value != nullptr && !read_number(value, source.number)) {
      return fmt::format("{} is '{}', which is no whole number", source.variable, value);
    }
  }
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    bool known = false;
    for (const Source& source : sources) {
      known = known || (argument.starts_with(source.argument) &&
                        read_number(argument.substr(source.argument.size()), source.number));
    }
    if (!known)
      return fmt::format("argument '{}' is none of --instances=N, --first-seed=N", argument);
  }
  return std::nullopt;
}

}  // namespace cleave::properties
