#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/model/problem.h"

namespace CLI {
class App;
}

namespace cleave::app {

/// What the options ask for: a machine and a question, which make the problem, and how hard to try.
struct Request {
  std::optional<std::filesystem::path> devices;    ///< absent: the graph file's own
  std::optional<int> accelerators;                 ///< instead of the machine's own number
  std::map<std::string, std::int64_t> dimensions;  ///< of an ONNX model
  base::Bytes colocate_above;                      ///< size of weights, see estimate::Options
  std::optional<std::filesystem::path> profile;    ///< measured operator times
  std::string optimizer;  ///< to train a forward graph with, see training::derive(); empty: do not
  std::string precision;
  std::int64_t backward_percent = 0;
  model::Question question;
  // Of stages with choices; all absent: stages have none, unless the schedule is about batches.
  std::optional<int> replicas;
  std::optional<std::int64_t> micro_batches;
  std::optional<model::Recompute> recompute;
  base::Limits limits;
};

// What values an option takes, and where they go.

struct OneOf {
  std::span<const std::string_view> words;
  void (*set)(Request&, std::size_t word);
};
struct Whole {
  std::int64_t low, high;
  void (*set)(Request&, std::int64_t value);
};
struct Real {
  double low, high;
  void (*set)(Request&, double value);
};
/// REGEX=DEVICE, any number of times.
struct Rules {
  std::vector<model::DeviceRule> model::Question::*list;
};
/// NAME=N, any number of times.
struct Sizes {
  std::map<std::string, std::int64_t> Request::*map;
};
/// Words that a function of its own reads.
struct Parsed {
  std::string_view range;
  /// What is wrong with the value; empty: it was set.
  std::string (*set)(Request&, std::string_view value);
};
struct File {
  void (*set)(Request&, std::string_view value);
};

/// One row of the only table of options: flags, help, defaults and range checks come from it.
struct Option {
  /// Whether the option changes WHICH problem is solved (by how an ONNX model is read, by making a
  /// training graph, or otherwise), or only HOW.
  enum class Purpose { model, training, problem, search };

  std::string_view flags;  ///< "-d,--devices"
  std::string_view type;   ///< "FILE"
  Purpose purpose = Purpose::problem;
  std::variant<OneOf, Whole, Real, Rules, Sizes, Parsed, File> values;
  std::string_view standard;  ///< default, as it would be typed; empty: see help
  std::string_view help;
};
[[nodiscard]] std::span<const Option> options();

/// A request with every default of the table.
[[nodiscard]] Request standard_request();

/// Gives a command all options of the table; parsing fills `request`, which must outlive it.
void add_options(CLI::App& command, Request& request);
/// The same with the option --dim alone.
void add_dimensions(CLI::App& command, Request& request);
/// The same with the options only that make the graph: of purposes `model` and `training`.
void add_graph_options(CLI::App& command, Request& request);

}  // namespace cleave::app
