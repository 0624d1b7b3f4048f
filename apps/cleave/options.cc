#include "options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

namespace cleave::app {

namespace {

using model::Objective;
using model::PlacementRule;
using model::Schedule;
using model::Transfers;
using Purpose = Option::Purpose;

constexpr std::array<std::string_view, 3> kOptimizers{"sgd", "momentum", "adam"};
constexpr std::array<std::string_view, 2> kPrecisions{"fp32", "mixed"};
constexpr std::array<std::string_view, 2> kObjectives{"throughput", "latency"};
constexpr std::array<std::string_view, 5> kSchedules{"inference", "1f1b", "gpipe", "flush", "2bw"};
constexpr std::array<std::string_view, 3> kRecompute{"never", "always", "choose"};
constexpr std::array<std::string_view, 3> kTransfers{"serial", "half-duplex", "full-duplex"};

constexpr std::int64_t kMebibyte = 1 << 20;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::string set_placement(Request& request, std::string_view text) {
  model::Question& question = request.question;
  for (const PlacementRule rule : {PlacementRule::contiguous, PlacementRule::any}) {
    if (text != to_string(rule)) continue;
    question.placement = rule;
    return {};
  }
  constexpr std::string_view kSlots = "slots=";
  const bool slots = text.starts_with(kSlots);
  const std::string_view digits = text.substr(slots ? kSlots.size() : 0);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), question.slots);
  if (!slots || error != std::errc() || end != digits.data() + digits.size() ||
      question.slots < 1) {
    return fmt::format("'{}' is none of contiguous, any, and slots=Q with a number from 1", text);
  }
  question.placement = PlacementRule::slots;
  return {};
}

const std::array kOptions{
    Option{"-d,--devices", "FILE", Purpose::problem,
           File{[](Request& r, std::string_view file) { r.devices = file; }}, "",
           "the devices, in YAML; without it, the graph file's own"},
    Option{"-k,--accelerators", "N", Purpose::problem,
           Whole{1, model::Machine::kMaxDevices,
                 [](Request& r, std::int64_t n) { r.accelerators = static_cast<int>(n); }},
           "", "devices in each class that pays for transfers, instead of the file's number"},
    Option{"--dim", "NAME=N", Purpose::model, Sizes{&Request::dimensions}, "",
           "size of a dimension that the model leaves open: its name, or VALUE.AXIS; may repeat"},
    Option{"--colocate-above", "MIB", Purpose::model,
           Whole{0, base::Bytes::max().count() / kMebibyte,
                 [](Request& r, std::int64_t n) { r.colocate_above = base::Bytes(n * kMebibyte); }},
           "1024",
           "weights larger than this keep all their operators on one device; others are copied"},
    Option{"--profile", "FILE", Purpose::model,
           File{[](Request& r, std::string_view file) { r.profile = file; }}, "",
           "operator times that cleave profile measured; without it, all are estimated"},
    Option{"--training", "NAME", Purpose::training,
           OneOf{kOptimizers, [](Request& r, std::size_t i) { r.optimizer = kOptimizers[i]; }}, "",
           "train a forward graph with this optimizer: adds backward operators and memory"},
    Option{"--precision", "NAME", Purpose::training,
           OneOf{kPrecisions, [](Request& r, std::size_t i) { r.precision = kPrecisions[i]; }},
           "fp32",
           "with --training: mixed keeps single-precision copies of half-precision weights"},
    Option{"--backward", "RATIO", Purpose::training,
           Real{0, 1000,
                [](Request& r, double ratio) { r.backward_percent = std::llround(100 * ratio); }},
           "2",
           "with --training: time of a backward operator, as a multiple of its forward twin's"},
    Option{"--objective", "NAME", Purpose::problem,
           OneOf{kObjectives,
                 [](Request& r, std::size_t i) {
                   r.question.objective = std::array{Objective::throughput, Objective::latency}[i];
                 }},
           "throughput", "time per sample in a full pipeline, or of one sample alone"},
    Option{"--placement", "NAME", Purpose::problem, Parsed{"contiguous|any|slots=Q", set_placement},
           "contiguous",
           "whether each device holds one stage of the pipeline; for latency, how many calls an "
           "accelerator may hold"},
    Option{"--workers", "N", Purpose::problem,
           Whole{1, model::Machine::kMaxDevices,
                 [](Request& r, std::int64_t n) { r.question.workers = static_cast<int>(n); }},
           "",
           "latency: operators that run at a time on a class that pays no transfers; without it, "
           "all that are ready"},
    Option{"--schedule", "NAME", Purpose::problem,
           OneOf{kSchedules,
                 [](Request& r, std::size_t i) {
                   r.question.schedule =
                       std::array{Schedule::inference, Schedule::one_f_one_b, Schedule::gpipe,
                                  Schedule::flush, Schedule::two_bw}[i];
                 }},
           "", "how samples follow one another; without it, 1f1b for training graphs"},
    Option{"--replicas", "N", Purpose::problem,
           Whole{1, model::Machine::kMaxDevices,
                 [](Request& r, std::int64_t n) { r.replicas = static_cast<int>(n); }},
           "", "devices that a stage may be on, taking turns; without it, 1"},
    Option{"--micro-batches", "N", Purpose::problem,
           Whole{1, model::StageChoices::kMaxMicroBatches,
                 [](Request& r, std::int64_t n) { r.micro_batches = n; }},
           "",
           "micro-batches of a batch, of which those in flight need memory; see docs/training.md"},
    Option{"--recompute", "NAME", Purpose::problem,
           OneOf{kRecompute,
                 [](Request& r, std::size_t i) {
                   r.recompute = std::array{model::Recompute::never, model::Recompute::always,
                                            model::Recompute::choose}[i];
                 }},
           "",
           "whether stages run forward again instead of keeping activations; without it, never"},
    Option{"--transfers", "NAME", Purpose::problem,
           OneOf{kTransfers,
                 [](Request& r, std::size_t i) {
                   r.question.transfers = std::array{Transfers::serial, Transfers::half_duplex,
                                                     Transfers::full_duplex}[i];
                 }},
           "serial", "whether moving data overlaps with computing, and in with out"},
    Option{"--pin", "REGEX=DEVICE", Purpose::problem, Rules{&model::Question::pins}, "",
           "operators whose name matches must be on the device or class; may repeat"},
    Option{"--forbid", "REGEX=DEVICE", Purpose::problem, Rules{&model::Question::forbids}, "",
           "operators whose name matches must not be there; may repeat"},

    Option{"--time-limit", "SECONDS", Purpose::search,
           Real{0, 1e9,
                [](Request& r, double s) { r.limits.time = std::chrono::duration<double>(s); }},
           "",
           "stop after this time with the best so far; without it, after the usual effort: about a "
           "minute"},
    Option{"--gap", "RATIO", Purpose::search,
           Real{0, 1, [](Request& r, double gap) { r.limits.gap = gap; }}, "0",
           "stop when the answer is proven this close to the best possible"},
    Option{"--memory-limit", "MIB", Purpose::search,
           Whole{1, base::Bytes::max().count() / kMebibyte,
                 [](Request& r, std::int64_t n) { r.limits.memory = base::Bytes(n * kMebibyte); }},
           "2048", "stop when the search's own tables reach this size"},
    Option{
        "--states", "N", Purpose::search,
        Whole{1, kMost,
              [](Request& r, std::int64_t n) { r.limits.states = static_cast<std::uint64_t>(n); }},
        "", "stop after visiting so many search states; without it, after the usual effort"},
    Option{
        "--threads", "N", Purpose::search,
        Whole{1, 1024, [](Request& r, std::int64_t n) { r.limits.threads = static_cast<int>(n); }},
        "1", "threads; with one and no time limit, equal input gives equal output"},
    Option{"--seed", "N", Purpose::search,
           Whole{0, kMost,
                 [](Request& r, std::int64_t n) { r.limits.seed = static_cast<std::uint64_t>(n); }},
           "1", "of everything random"},
};

// A sentence for what is wrong with a value; empty: it was set.
using Fault = std::string;

template <class Number>
Fault set_number(Request& request, std::string_view text, Number low, Number high,
                 void (*set)(Request&, Number)) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) {
    return fmt::format("'{}' is not a {}number", text, std::is_integral_v<Number> ? "whole " : "");
  }
  if (error == std::errc::result_out_of_range || !(value >= low && value <= high)) {
    return fmt::format("{} is outside {} to {}", text, low, high);
  }
  set(request, value);
  return {};
}

Fault set_value(const OneOf& values, Request& request, std::string_view text) {
  for (std::size_t i = 0; i < values.words.size(); ++i) {
    if (values.words[i] != text) continue;
    values.set(request, i);
    return {};
  }
  return fmt::format("'{}' is none of {}", text, fmt::join(values.words, ", "));
}

Fault set_value(const Whole& values, Request& request, std::string_view text) {
  return set_number(request, text, values.low, values.high, values.set);
}

Fault set_value(const Real& values, Request& request, std::string_view text) {
  return set_number(request, text, values.low, values.high, values.set);
}

Fault set_value(const Rules& values, Request& request, std::string_view text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    return fmt::format("'{}' is not of the form REGEX=DEVICE", text);
  }
  (request.question.*values.list)
      .push_back({std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))});
  return {};
}

Fault set_value(const Sizes& values, Request& request, std::string_view text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    return fmt::format("'{}' is not of the form NAME=N", text);
  }
  const std::string_view digits = text.substr(equals + 1);
  std::int64_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (error != std::errc() || end != digits.data() + digits.size() || size < 0) {
    return fmt::format("the size in '{}' is not a whole number of at least 0", text);
  }
  const bool first = (request.*values.map).emplace(text.substr(0, equals), size).second;
  return first ? Fault() : fmt::format("'{}' is given twice", text.substr(0, equals));
}

Fault set_value(const Parsed& values, Request& request, std::string_view text) {
  return values.set(request, text);
}

Fault set_value(const File& values, Request& request, std::string_view text) {
  values.set(request, text);
  return {};
}

Fault set_option(const Option& option, Request& request, std::string_view text) {
  return std::visit([&](const auto& values) { return set_value(values, request, text); },
                    option.values);
}

std::string range_of(const OneOf& values) {
  return fmt::format("{}", fmt::join(values.words, "|"));
}
std::string range_of(const Whole& values) {
  return values.high == kMost ? fmt::format("at least {}", values.low)
                              : fmt::format("{} to {}", values.low, values.high);
}
std::string range_of(const Real& values) {
  return fmt::format("{} to {}", values.low, values.high);
}
std::string range_of(const Rules&) { return {}; }
std::string range_of(const Sizes&) { return {}; }
std::string range_of(const Parsed& values) { return std::string(values.range); }
std::string range_of(const File&) { return {}; }

std::string describe(const Option& option) {
  std::string text(option.help);
  std::string range =
      std::visit([](const auto& values) { return range_of(values); }, option.values);
  if (!option.standard.empty()) range += fmt::format("; default {}", option.standard);
  return range.empty() ? text : text + " [" + range + "]";
}

std::string group_of(Purpose purpose) {
  switch (purpose) {
    case Purpose::model:
      return "Of an ONNX model";
    case Purpose::training:
      return "Training";
    case Purpose::problem:
      return "Which problem";
    case Purpose::search:
      return "How hard to search";
  }
  return {};
}

void add_option(CLI::App& command, Request& request, const Option& option) {
  const auto set = [&option, &request](const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      Fault fault = set_option(option, request, value);
      if (!fault.empty()) {
        throw CLI::ValidationError(std::string(option.flags.substr(option.flags.rfind(',') + 1)),
                                   fault);
      }
    }
  };
  const bool repeats =
      std::holds_alternative<Rules>(option.values) || std::holds_alternative<Sizes>(option.values);
  command
      .add_option_function<std::vector<std::string>>(std::string(option.flags), set,
                                                     describe(option))
      ->type_name(std::string(option.type))
      ->expected(1)
      ->allow_extra_args(false)  // what follows the value is not another one
      ->multi_option_policy(repeats ? CLI::MultiOptionPolicy::TakeAll
                                    : CLI::MultiOptionPolicy::Throw)
      ->group(group_of(option.purpose));
}

}  // namespace

std::span<const Option> options() { return kOptions; }

Request standard_request() {
  Request request;
  for (const Option& option : kOptions) {
    if (!option.standard.empty()) set_option(option, request, option.standard);
  }
  return request;
}

void add_options(CLI::App& command, Request& request) {
  for (const Option& option : kOptions) add_option(command, request, option);
}

void add_dimensions(CLI::App& command, Request& request) {
  for (const Option& option : kOptions) {
    if (option.flags == "--dim") add_option(command, request, option);
  }
}

void add_graph_options(CLI::App& command, Request& request) {
  for (const Option& option : kOptions) {
    const bool makes_graph =
        option.purpose == Option::Purpose::model || option.purpose == Option::Purpose::training;
    if (makes_graph) add_option(command, request, option);
  }
}

}  // namespace cleave::app
