#include "io/units.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <span>
#include <string>

#include "io/decimal.h"
#include "io/text.h"

namespace cleave::io {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

constexpr std::array<Unit, 9> kSizes = {{{"B", 1},
                                         {"kB", 1'000},
                                         {"MB", 1'000'000},
                                         {"GB", 1'000'000'000},
                                         {"TB", 1'000'000'000'000},
                                         {"KiB", std::int64_t{1} << 10},
                                         {"MiB", std::int64_t{1} << 20},
                                         {"GiB", std::int64_t{1} << 30},
                                         {"TiB", std::int64_t{1} << 40}}};
constexpr std::array<Unit, 13> kRates = {{{"B/s", 1},
                                          {"kB/s", 1'000},
                                          {"MB/s", 1'000'000},
                                          {"GB/s", 1'000'000'000},
                                          {"TB/s", 1'000'000'000'000},
                                          {"KiB/s", std::int64_t{1} << 10},
                                          {"MiB/s", std::int64_t{1} << 20},
                                          {"GiB/s", std::int64_t{1} << 30},
                                          {"TiB/s", std::int64_t{1} << 40},
                                          {"kbit/s", 1'000 / 8},
                                          {"Mbit/s", 1'000'000 / 8},
                                          {"Gbit/s", 1'000'000'000 / 8},
                                          {"Tbit/s", 1'000'000'000'000 / 8}}};
constexpr std::array<Unit, 10> kSpeeds = {{{"FLOP/s", 1},
                                           {"MFLOP/s", 1'000'000},
                                           {"GFLOP/s", 1'000'000'000},
                                           {"TFLOP/s", 1'000'000'000'000},
                                           {"PFLOP/s", 1'000'000'000'000'000},
                                           {"OP/s", 1},
                                           {"MOP/s", 1'000'000},
                                           {"GOP/s", 1'000'000'000},
                                           {"TOP/s", 1'000'000'000'000},
                                           {"POP/s", 1'000'000'000'000'000}}};
constexpr std::array<Unit, 5> kTimes = {
    {{"ps", 1}, {"ns", 1'000}, {"us", 1'000'000}, {"ms", 1'000'000'000}, {"s", 1'000'000'000'000}}};

base::Result<std::int64_t> parse(std::string_view text, std::span<const Unit> units,
                                 std::int64_t limit, std::string_view what) {
  const std::size_t end = text.find_first_not_of("0123456789.-");
  const std::string_view number = text.substr(0, end);
  std::string_view unit = end == std::string_view::npos ? std::string_view() : text.substr(end);
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const Unit& known : units) {
    if (known.name == unit)
      return read_amount(number, known.factor, limit, Rounding::nearest, what);
  }
  std::string names;
  for (const Unit& known : units) names += fmt::format(" {}", known.name);
  return base::bad_input(
      fmt::format("{} {} has {}; write a number and one of{}", what, in_quotes(text),
                  unit.empty() ? "no unit" : "the unknown unit " + in_quotes(unit), names));
}

}  // namespace

base::Result<base::Bytes> parse_size(std::string_view text) {
  const auto bytes = parse(text, kSizes, base::Bytes::max().count(), "the size");
  if (!bytes) return bytes.error();
  return base::Bytes(*bytes);
}

base::Result<std::int64_t> parse_rate(std::string_view text) {
  return parse(text, kRates, std::numeric_limits<std::int64_t>::max(), "the bandwidth");
}

base::Result<std::int64_t> parse_speed(std::string_view text) {
  return parse(text, kSpeeds, std::numeric_limits<std::int64_t>::max(), "the speed");
}

base::Result<base::Duration> parse_time(std::string_view text) {
  const auto picoseconds = parse(text, kTimes, base::kMaxDuration.count(), "the time");
  if (!picoseconds) return picoseconds.error();
  return base::Duration(*picoseconds);
}

}  // namespace cleave::io
