#include "cleave/estimate/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "estimate/measured.h"
#include "estimate/speed.h"
#include "estimate/work.h"

namespace cleave::estimate {
namespace {

using base::Bytes;
using model::Network;
using model::NetworkOperator;
using model::NetworkValue;
using model::OperatorId;
using model::ValueId;

struct Column {
  std::string name;
  Speed speed;
  const model::MeasuredColumn* measured = nullptr;  // null: all times are estimated
};

bool operator==(const Speed& a, const Speed& b) {
  const auto same_peak = [](const model::Peak& x, const model::Peak& y) {
    return x.type == y.type && x.operations_per_second == y.operations_per_second;
  };
  return std::equal(a.peaks.begin(), a.peaks.end(), b.peaks.begin(), b.peaks.end(), same_peak) &&
         a.memory_bytes_per_second == b.memory_bytes_per_second && a.launch == b.launch &&
         a.efficiency == b.efficiency;
}

const model::MeasuredColumn* find_measured(const model::Profile* profile, std::string_view times) {
  if (profile == nullptr) return nullptr;
  for (const model::MeasuredColumn& column : profile->columns) {
    if (column.times == times) return &column;
  }
  return nullptr;
}

base::Result<std::vector<Column>> to_columns(const model::Machine& machine,
                                             const model::Profile* profile) {
  std::vector<Column> columns;
  for (const model::DeviceClass& c : machine.classes()) {
    auto speed = speed_of(c);
    if (!speed) return speed.error();
    const auto known = std::find_if(columns.begin(), columns.end(),
                                    [&](const Column& column) { return column.name == c.times; });
    if (known == columns.end()) {
      columns.push_back({c.times, std::move(speed).value(), find_measured(profile, c.times)});
    } else if (!(known->speed == *speed)) {
      return base::bad_input(
          fmt::format("device class '{}' shares the times '{}' with another "
                      "class, but is not as fast",
                      c.name, c.times));
    }
  }
  return columns;
}

// Weights of the bodies themselves, which live wherever the operator does.
Bytes body_weights(const Network& body) {
  Bytes sum(0);
  for (const NetworkOperator& op : body.operators) {
    if (op.constant) continue;
    for (const ValueId id : op.inputs) {
      if (!id.valid()) continue;
      const NetworkValue& value = body.values[id.index()];
      if (value.constant && !value.outer) sum += value.bytes;
    }
    for (const Network& inner : op.bodies) sum += body_weights(inner);
  }
  return sum;
}

// The values that an operator reads, distinct, bodies included.
std::vector<ValueId> values_read(const NetworkOperator& op) {
  std::set<ValueId> values;
  for (const auto* list : {&op.inputs, &op.captured}) {
    for (const ValueId id : *list) {
      if (id.valid()) values.insert(id);
    }
  }
  return {values.begin(), values.end()};
}

// Turns a network into a cost graph; operators that are constant are left out.
class Assembly {
 public:
  Assembly(const Network& network, const Options& options)
      : network_(network), options_(options), readers_(network.values.size()) {
    for (const NetworkOperator& op : network.operators) {
      if (op.constant) continue;
      for (const ValueId id : values_read(op)) readers_[id.index()].push_back(operators_.size());
      operators_.push_back(&op);
    }
    memory_.resize(operators_.size());
    leader_.resize(operators_.size());
    std::iota(leader_.begin(), leader_.end(), std::size_t{0});
  }

  base::Result<Estimate> run(const std::vector<Column>& columns) {
    if (operators_.empty()) {
      return base::bad_input(
          "nothing in this model depends on its inputs: there is no work to place");
    }
    settle_weights();
    std::vector<std::string> names;
    for (const Column& column : columns) names.push_back(column.name);
    model::GraphBuilder builder(std::move(names));
    builder.reserve(operators_.size(), network_.values.size());
    Assumptions assumptions;
    std::vector<Work> works;
    for (const NetworkOperator* op : operators_) {
      works.push_back(work_of(network_, *op, assumptions));
    }
    std::vector<std::string> notes = to_notes(assumptions);
    std::vector<std::vector<base::Duration>> times;
    for (const Column& column : columns) {
      auto known = times_of(column, works, notes);
      if (!known) return known.error();
      times.push_back(std::move(known).value());
    }
    for (std::size_t i = 0; i < operators_.size(); ++i) {
      builder.add_operator(describe(i, times));
    }
    add_tensors(builder);
    auto graph = std::move(builder).build();
    if (!graph) return graph.error();
    return Estimate{std::make_shared<const model::Graph>(std::move(graph).value()),
                    std::move(notes)};
  }

 private:
  // Where each weight counts, and which operators it binds together.
  void settle_weights() {
    for (std::size_t i = 0; i < operators_.size(); ++i) {
      for (const Network& body : operators_[i]->bodies) memory_[i] += body_weights(body);
    }
    for (std::size_t v = 0; v < network_.values.size(); ++v) {
      const NetworkValue& value = network_.values[v];
      const auto& readers = readers_[v];
      if (!value.constant || readers.empty()) continue;
      const bool together = readers.size() > 1 && value.bytes > options_.colocate_above;
      for (const std::size_t reader : readers) {
        if (together) leader_[find(reader)] = find(readers[0]);
        if (!together || reader == readers[0]) memory_[reader] += value.bytes;
      }
    }
  }

  std::size_t find(std::size_t i) {
    while (leader_[i] != i) i = leader_[i] = leader_[leader_[i]];
    return i;
  }

  // Of each operator in a column, [operators_].
  base::Result<std::vector<base::Duration>> times_of(const Column& column,
                                                     const std::vector<Work>& works,
                                                     std::vector<std::string>& notes) const {
    std::vector<base::Duration> times;
    for (const Work& work : works) times.push_back(column.speed.time(work));
    if (column.measured != nullptr) {
      if (auto done = apply_measured(*column.measured, times, notes); !done) return done.error();
    }
    return times;
  }

  base::Status apply_measured(const model::MeasuredColumn& measured,
                              std::vector<base::Duration>& times,
                              std::vector<std::string>& notes) const {
    std::unordered_map<std::string_view, base::Duration> known;
    for (const auto& op : measured.operators) known.emplace(op.id, op.time);
    std::set<std::string> estimated;
    std::vector<std::string_view> ids;
    for (std::size_t i = 0; i < operators_.size(); ++i) {
      ids.push_back(operators_[i]->id);
      const auto found = known.find(operators_[i]->id);
      if (found != known.end()) {
        times[i] = found->second;
      } else {
        estimated.insert(operators_[i]->id);
      }
    }
    auto note = fit_to_whole(measured, ids, times);
    if (!note) return note.error();
    notes.push_back(std::move(note).value());
    if (!estimated.empty()) {
      notes.push_back(fmt::format("the profile has no times on '{}' for {}: they are estimated",
                                  measured.times, listed(estimated)));
    }
    return std::monostate{};
  }

  model::OperatorSpec describe(std::size_t i,
                               const std::vector<std::vector<base::Duration>>& times) {
    model::OperatorSpec spec;
    spec.id = operators_[i]->id;
    spec.memory = memory_[i];
    for (const auto& column : times) spec.times.push_back(column[i]);
    if (is_shared(i)) spec.group = fmt::format("weights of {}", operators_[find(i)]->id);
    return spec;
  }

  bool is_shared(std::size_t i) {
    if (members_.empty()) {
      members_.resize(operators_.size());
      for (std::size_t j = 0; j < operators_.size(); ++j) ++members_[find(j)];
    }
    return members_[find(i)] > 1;
  }

  void add_tensors(model::GraphBuilder& builder) const {
    for (std::size_t i = 0; i < operators_.size(); ++i) {
      for (const ValueId id : operators_[i]->outputs) {
        if (!id.valid() || readers_[id.index()].empty()) continue;
        model::TensorSpec tensor;
        tensor.producer = OperatorId(i);
        for (const std::size_t reader : readers_[id.index()]) {
          tensor.consumers.push_back(OperatorId(reader));
        }
        tensor.bytes = network_.values[id.index()].bytes;
        builder.add_tensor(std::move(tensor));
      }
    }
  }

  static std::string listed(const std::set<std::string>& names) {
    constexpr std::size_t kShown = 5;
    std::vector<std::string> shown;
    for (const std::string& name : names) {
      if (shown.size() < kShown) shown.push_back(name);
    }
    std::string text = fmt::format("{}", fmt::join(shown, ", "));
    if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
    return text;
  }

  static std::vector<std::string> to_notes(const Assumptions& assumptions) {
    std::vector<std::string> notes;
    if (!assumptions.unknown_types.empty()) {
      notes.push_back(fmt::format(
          "there is no formula for the operators {}: each is taken as one operation for "
          "each element it writes, and one pass over its inputs and outputs",
          listed(assumptions.unknown_types)));
    }
    if (!assumptions.unknown_trips.empty()) {
      notes.push_back(
          fmt::format("the number of rounds is not in the model for {}: each is taken to "
                      "run once",
                      listed(assumptions.unknown_trips)));
    }
    if (!assumptions.unknown_shapes.empty()) {
      notes.push_back(
          fmt::format("values without a fixed size are read by {}: they count "
                      "as empty",
                      listed(assumptions.unknown_shapes)));
    }
    return notes;
  }

  const Network& network_;
  const Options& options_;
  std::vector<const NetworkOperator*> operators_;
  std::vector<std::vector<std::size_t>> readers_;  // [values], positions in operators_
  std::vector<Bytes> memory_;                      // [operators_]
  std::vector<std::size_t> leader_;                // union-find over operators_
  std::vector<std::size_t> members_;               // [operators_], of each leader's group
};

}  // namespace

base::Result<Estimate> estimate(const Network& network, const model::Machine& machine,
                                const Options& options) {
  const auto columns = to_columns(machine, options.profile.get());
  if (!columns) return columns.error();
  return Assembly(network, options).run(*columns);
}

}  // namespace cleave::estimate
