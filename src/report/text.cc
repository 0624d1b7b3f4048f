#include "cleave/report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

namespace cleave::report {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using model::Plan;
using model::PlanStatus;
using model::Problem;

std::string format_time(Duration time) {
  struct Unit {
    double picoseconds;
    std::string_view name;
  };
  constexpr std::array kUnits{Unit{1e12, "s"}, Unit{1e9, "ms"}, Unit{1e6, "us"}, Unit{1e3, "ns"}};
  const auto count = static_cast<double>(time.count());
  for (const Unit& unit : kUnits) {
    const double value = count / unit.picoseconds;
    // What would print as 1000 of a unit is 1 of the next.
    if (value < 0.99995) continue;
    const int decimals = value < 9.9995 ? 3 : value < 99.995 ? 2 : value < 999.95 ? 1 : 0;
    return fmt::format("{:.{}f} {}", value, decimals, unit.name);
  }
  return fmt::format("{} ps", time.count());
}

std::string format_bytes(Bytes bytes) {
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes.count() < 1024) return fmt::format("{} B", bytes.count());
  double value = static_cast<double>(bytes.count()) / 1024;
  std::size_t unit = 0;
  for (; value >= 1023.5 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, kUnits[unit]);
}

std::string format_percent(double ratio) {
  if (ratio > 0 && ratio < 0.00005) return "<0.01%";
  return fmt::format("{:.2f}%", 100 * ratio);
}

std::string format_bar(double ratio, std::size_t width) {
  const double filled = std::round(std::clamp(ratio, 0.0, 1.0) * static_cast<double>(width));
  std::string bar(static_cast<std::size_t>(filled), '#');
  bar.resize(width, '.');
  return bar;
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) {
    for (char& c : cell) {
      if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
    }
  }
  rows_.push_back(std::move(cells));
  painted_.emplace_back(columns_.size());
}

void Table::paint(std::size_t column, std::string painted) {
  painted_.back()[column] = std::move(painted);
}

std::string Table::text() const {
  std::vector<std::string> headings;
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    headings.push_back(columns_[c].heading);
    widths.push_back(columns_[c].heading.size());
    for (const auto& row : rows_) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  const auto print = [&](const std::vector<std::string>& row,
                         const std::vector<std::string>& painted) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (c > 0) line += "  ";
      std::string cell = columns_[c].align == Align::left
                             ? fmt::format("{:<{}}", row[c], widths[c])
                             : fmt::format("{:>{}}", row[c], widths[c]);
      if (!painted[c].empty()) cell.replace(cell.find(row[c]), row[c].size(), painted[c]);
      line += cell;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  print(headings, std::vector<std::string>(headings.size()));
  for (std::size_t r = 0; r < rows_.size(); ++r) print(rows_[r], painted_[r]);
  return text;
}

const Rival* best_feasible(std::span<const Rival> rivals) {
  const Rival* best = nullptr;
  for (const Rival& rival : rivals) {
    if (!rival.feasible || !rival.objective) continue;
    if (best == nullptr || *rival.objective < *best->objective) best = &rival;
  }
  return best;
}

namespace {

std::string describe_end(base::StopReason reason) {
  switch (reason) {
    case base::StopReason::finished:
      return "";
    case base::StopReason::cancelled:
      return "; stopped by the user";
    case base::StopReason::effort:
      return "; ended after the usual effort, --time-limit or --states searches longer";
    case base::StopReason::size:
      return "; the model is too large to search any further";
    default:
      return fmt::format("; stopped by the {} limit", to_string(reason));
  }
}

}  // namespace

std::string describe_answer(const Plan& plan) {
  if (!plan.has_placement()) return plan.reason;
  std::string text = format_time(plan.objective) + " per sample: ";
  if (plan.status == PlanStatus::optimal) return text + "proven optimal";
  text += fmt::format("within {} of the best possible (lower bound {})", format_percent(plan.gap()),
                      format_time(plan.bound.value));
  return text + describe_end(plan.limit);
}

namespace {

double ratio(Duration a, Duration b) {
  return static_cast<double>(a.count()) / static_cast<double>(b.count());
}

// `width` characters for the time from 0 to `whole`, filled from `start` to `finish`: at least one.
std::string format_span(Duration start, Duration finish, Duration whole, std::size_t width) {
  std::string bar(width, '.');
  if (whole == Duration::zero()) return bar;
  const auto at = [&](Duration time) {
    return static_cast<std::size_t>(ratio(time, whole) * static_cast<double>(width));
  };
  const std::size_t begin = std::min(at(start), width - 1);
  const std::size_t end = std::clamp(at(finish), begin + 1, width);
  std::fill(bar.begin() + static_cast<std::ptrdiff_t>(begin),
            bar.begin() + static_cast<std::ptrdiff_t>(end), '#');
  return bar;
}

// "+4.15%", or "179x" where that says more; "-" where the answer takes no time at all.
std::string describe_slowdown(Duration rival, Duration answer) {
  if (answer == Duration::zero()) return "-";
  constexpr double kManyTimes = 10;
  const double times = ratio(rival, answer);
  return times < kManyTimes ? fmt::format("{:+.2f}%", 100 * (times - 1))
                            : fmt::format("{:.0f}x", times);
}

}  // namespace

std::string describe_advantage(const Plan& plan, const Rival& rival) {
  const std::string other = fmt::format("{} ({}{}{})", rival.name, format_time(*rival.objective),
                                        rival.note.empty() ? "" : ", ", rival.note);
  constexpr std::string_view kNot = "splitting does not pay: ";
  if (plan.objective == *rival.objective) return fmt::format("{}no faster than {}", kNot, other);
  if (plan.objective > *rival.objective) return fmt::format("{}slower than {}", kNot, other);
  if (plan.objective == Duration::zero()) return "faster than " + other;
  return fmt::format("{:.2f} times as fast as {}", ratio(*rival.objective, plan.objective), other);
}

namespace {

// SGR sequences that every terminal of the last decades knows.
constexpr std::string_view kIn = "\033[36m";       // cyan
constexpr std::string_view kCompute = "\033[34m";  // blue
constexpr std::string_view kOut = "\033[35m";      // magenta
constexpr std::string_view kFaint = "\033[2m";
constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kPlain = "\033[0m";

std::string paint(std::string_view text, std::string_view colour) {
  return text.empty() ? std::string() : fmt::format("{}{}{}", colour, text, kPlain);
}

}  // namespace

std::string paint_bar(const std::string& bar, const model::DeviceLoad& load, bool serial) {
  const std::size_t filled = std::min(bar.find('.'), bar.size());
  const auto share = [&](Duration part) {
    if (load.load == Duration::zero()) return std::size_t{0};
    return static_cast<std::size_t>(
        std::lround(ratio(part, load.load) * static_cast<double>(filled)));
  };
  const std::size_t in = serial ? share(load.in) : 0;
  const std::size_t compute = serial ? share(load.in + load.compute) : filled;
  const std::string_view text = bar;
  return paint(text.substr(0, in), kIn) + paint(text.substr(in, compute - in), kCompute) +
         paint(text.substr(compute, filled - compute), kOut) + paint(text.substr(filled), kFaint);
}

void paint_load(Table& table, std::size_t column, const std::string& bar,
                const model::DeviceLoad& load, bool serial) {
  table.paint(column, paint_bar(bar, load, serial));
  table.paint(column + 1, paint(format_time(load.in), kIn));
  table.paint(column + 2, paint(format_time(load.compute), kCompute));
  table.paint(column + 3, paint(format_time(load.out), kOut));
}

namespace {

// "gpu3", or "gpu3 and 4 more".
std::string name_devices(const Problem& problem, const model::Stage& stage) {
  const std::string first = problem.machine().device_name(stage.device);
  const std::size_t more = stage.choice->replicas.size();
  return more == 0 ? first : fmt::format("{} and {} more", first, more);
}

// Of stages with choices: a row a stage, with what each of its devices does and holds.
std::string choices_table(const Problem& problem, const Plan& plan) {
  using Align = Table::Align;
  Table table({{"devices", Align::left},
               {"load"},
               {"", Align::left},
               {"in"},
               {"compute"},
               {"out"},
               {"sync"},
               {"in flight"},
               {"resident"},
               {"older weights"},
               {"activations"},
               {"of"},
               {"operators"},
               {"", Align::left}});
  Duration busiest{0};
  for (const model::DeviceLoad& device : plan.devices) busiest = std::max(busiest, device.load);
  std::size_t unused = plan.devices.size();
  for (const model::Stage& stage : plan.stages) {
    constexpr std::size_t kBarWidth = 16;
    const model::StageChoice& choice = *stage.choice;
    const model::DeviceLoad& load = plan.devices[stage.device.index()];
    const auto limit = problem.memory(problem.machine().class_of(stage.device));
    const double share = busiest > Duration::zero() ? ratio(load.load, busiest) : 0;
    table.add({name_devices(problem, stage), format_time(load.load), format_bar(share, kBarWidth),
               format_time(load.in), format_time(load.compute), format_time(load.out),
               format_time(load.sync), std::to_string(choice.in_flight),
               format_bytes(choice.resident), format_bytes(choice.older_weights),
               format_bytes(choice.activations), limit ? format_bytes(*limit) : "unlimited",
               std::to_string(stage.operators.size()), choice.recompute ? "recomputes" : ""});
    unused -= 1 + choice.replicas.size();
  }
  std::string text = table.text();
  if (unused > 0) text += fmt::format("{} devices have no stage.\n", unused);
  return text;
}

}  // namespace

std::string loads_table(const Problem& problem, const Plan& plan, Colours colours) {
  if (problem.question().stages) return choices_table(problem, plan);
  const std::size_t n = plan.devices.size();
  std::vector<std::size_t> stages(n, 0);
  std::vector<std::size_t> operators(n, 0);
  std::vector<DeviceId> order;
  for (const model::Stage& stage : plan.stages) {
    if (stages[stage.device.index()]++ == 0) order.push_back(stage.device);
    operators[stage.device.index()] += stage.operators.size();
  }
  for (std::size_t d = 0; d < n; ++d) {
    if (stages[d] == 0) order.push_back(DeviceId(d));
  }
  Duration busiest{0};
  for (const model::DeviceLoad& device : plan.devices) busiest = std::max(busiest, device.load);

  constexpr std::size_t kBarWidth = 24;
  using Align = Table::Align;
  Table table({{"device", Align::left},
               {"load"},
               {"", Align::left},
               {"in"},
               {"compute"},
               {"out"},
               {"memory"},
               {"of"},
               {"stages"},
               {"operators"}});
  for (const DeviceId device : order) {
    const model::DeviceLoad& load = plan.devices[device.index()];
    const auto limit = problem.memory(problem.machine().class_of(device));
    const double share = busiest > Duration::zero() ? ratio(load.load, busiest) : 0;
    const std::string name = problem.machine().device_name(device);
    const std::string bar = format_bar(share, kBarWidth);
    table.add({name, format_time(load.load), bar, format_time(load.in), format_time(load.compute),
               format_time(load.out), format_bytes(load.memory),
               limit ? format_bytes(*limit) : "unlimited", std::to_string(stages[device.index()]),
               std::to_string(operators[device.index()])});
    if (colours == Colours::none) continue;
    paint_load(table, 2, bar, load, problem.transfers() == model::Transfers::serial);
    if (load.load == busiest) table.paint(1, paint(format_time(load.load), kBold));
  }
  return table.text();
}

std::string stages_table(const Problem& problem, const Plan& plan) {
  constexpr std::size_t kBarWidth = 40;
  using Align = Table::Align;
  Table table({{"device", Align::left},
               {"start"},
               {"finish"},
               {"", Align::left},
               {"operators"},
               {"first", Align::left}});
  for (const model::Stage& stage : plan.stages) {
    table.add({problem.machine().device_name(stage.device), format_time(stage.start),
               format_time(stage.finish),
               format_span(stage.start, stage.finish, plan.objective, kBarWidth),
               std::to_string(stage.operators.size()),
               problem.graph().name(stage.operators.front())});
  }
  return table.text();
}

std::string plan_tables(const Problem& problem, const Plan& plan, Colours colours) {
  std::string loads = loads_table(problem, plan, colours);
  if (problem.question().objective != model::Objective::latency) return loads;
  return stages_table(problem, plan) + "\n" + loads;
}

std::string comparison_table(const Plan& plan, std::span<const Rival> rivals, Colours colours) {
  // A bar ends at so many times the answer.
  constexpr double kMostTimes = 4;
  constexpr std::size_t kBarWidth = 24;
  const auto bar = [&](Duration time) {
    const double times = plan.objective > Duration::zero() ? ratio(time, plan.objective) : 1;
    return format_bar(times / kMostTimes, kBarWidth);
  };
  using Align = Table::Align;
  Table table({{"placement", Align::left},
               {"time per sample"},
               {"", Align::left},
               {"slower by"},
               {"", Align::left}});
  const auto add = [&](const std::string& name, Duration time, const std::string& slower,
                       const std::string& note, std::string_view colour) {
    table.add({name, format_time(time), bar(time), slower, note});
    if (colours == Colours::terminal) table.paint(2, paint(bar(time), colour));
  };
  add("cleave", plan.objective, "", std::string(to_string(plan.status)), kCompute);
  for (const Rival& rival : rivals) {
    if (!rival.objective) {
      table.add({rival.name, "-", "", "", rival.note});
      continue;
    }
    const std::string slower = describe_slowdown(*rival.objective, plan.objective);
    add(rival.name, *rival.objective, slower, rival.note, rival.feasible ? kIn : kFaint);
  }
  return table.text();
}

}  // namespace cleave::report
