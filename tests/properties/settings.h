#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cleave::properties {

/// Which random problems to try: those of the seeds first_seed, first_seed + 1, …
struct Settings {
  std::uint64_t instances = CLEAVE_PROPERTY_INSTANCES;  ///< of each property
  std::uint64_t first_seed = 1;
};

/// What main() has read.
[[nodiscard]] const Settings& settings();

/// Reads the environment (CLEAVE_PROPERTY_INSTANCES, CLEAVE_PROPERTY_SEED), then the arguments
/// --instances=N and --first-seed=N, which win. Returns what is wrong with them.
[[nodiscard]] std::optional<std::string> read_settings(int argc, char** argv);

}  // namespace cleave::properties
