#include "support/random_draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "cleave/base/random.h"

namespace cleave::support {

using base::Bytes;
using base::Duration;
using base::OperatorId;
using base::Random;
using model::Phase;

namespace {

enum class Weights { equal, small, large };

// An operator before it is given its place in the graph. Edges run from lower to higher positions.
struct Node {
  Phase phase = Phase::forward;
  std::optional<std::string> group;
};

class Generator {
 public:
  Generator(Random& random, const Size& size) : random_(random), size_(size) {}

  Draft draft() {
    weights_ =
        pick({Weights::equal, Weights::small, Weights::small, Weights::large, Weights::large});
    add_classes();
    add_nodes();
    add_operators();
    add_tensors();
    limit_memory();
    ask();
    return std::move(draft_);
  }

 private:
  template <class T>
  T pick(std::initializer_list<T> choices) {
    return choices.begin()[random_.below(choices.size())];
  }
  std::size_t index_below(std::size_t n) { return static_cast<std::size_t>(random_.below(n)); }
  std::size_t index_between(std::size_t low, std::size_t high) {
    return low + index_below(high - low + 1);
  }

  std::int64_t weight() {
    if (weights_ == Weights::equal) return 1;
    if (weights_ == Weights::small) return random_.between(0, 4);
    return random_.chance(0.1) ? 0 : random_.between(1, 1'000'000'000'000);
  }

  void add_classes() {
    constexpr std::array<const char*, 4> kNames = {"acc", "cpu", "npu", "dsp"};
    const std::size_t columns = index_between(1, 3);
    draft_.time_columns.assign(kNames.begin(), kNames.begin() + static_cast<int>(columns));
    const int fewest = random_.chance(0.1) ? 1 : std::min(2, size_.max_devices);
    int devices = static_cast<int>(random_.between(fewest, size_.max_devices));
    for (std::size_t c = 0; c < kNames.size() && devices > 0; ++c) {
      model::DeviceClass device_class;
      device_class.name = kNames[c];
      device_class.times =
          draft_.time_columns[random_.chance(0.7) ? c % columns : index_below(columns)];
      device_class.count =
          c + 1 == kNames.size() ? devices : static_cast<int>(random_.between(1, devices));
      device_class.pays_transfers = random_.chance(0.7);
      if (random_.chance(0.25)) {
        device_class.link = model::Link{1'000'000'000'000 / random_.between(1, 3),
                                        Duration(random_.chance(0.5) ? 0 : weight())};
      }
      devices -= device_class.count;
      draft_.classes.push_back(std::move(device_class));
    }
  }

  void add_nodes() {
    const std::size_t most = size_.max_operators;
    const std::size_t n = index_between(random_.chance(0.3) ? 1 : (most + 1) / 2, most);
    const double kind = random_.unit();
    if (n == 1 || kind < 0.5) {
      nodes_.resize(n);
      connect(0, n);
    } else if (kind < 0.9) {
      add_training_nodes(n);
    } else {
      nodes_.resize(n);
      for (Node& node : nodes_) node.phase = pick({Phase::forward, Phase::backward});
      connect(0, n);
    }
    if (random_.chance(0.3)) group_at_random("shared");
    if (random_.chance(0.1)) group_at_random("tied");
  }

  void group_at_random(const std::string& label) {
    for (std::size_t left = index_between(1, 3); left > 0; --left) {
      nodes_[index_below(nodes_.size())].group = label;
    }
  }

  // Forward operators, then twins of some in reverse, with other backward operators among them.
  void add_training_nodes(std::size_t n) {
    const std::size_t forward = index_between(1, n - 1);
    nodes_.resize(forward);
    connect(0, forward);
    const std::vector<std::pair<std::size_t, std::size_t>> forward_edges = edges_;

    const double grouped = pick({1.0, 1.0, 0.8, 0.3});
    const double twinned = pick({1.0, 0.7, 0.3});
    std::vector<std::size_t> twin(forward, 0);
    std::vector<std::size_t> orphans;
    for (std::size_t v = forward; v-- > 0 && nodes_.size() < n;) {
      if (random_.chance(0.2) || !random_.chance(twinned)) {
        orphans.push_back(add_orphan());
        if (nodes_.size() == n) break;
      }
      if (!random_.chance(twinned)) continue;
      twin[v] = nodes_.size();
      nodes_.push_back({Phase::backward, std::nullopt});
      if (random_.chance(grouped)) {
        nodes_[v].group = nodes_.back().group = fmt::format("stage{}", v);
      }
    }
    for (const auto& [from, to] : forward_edges) {
      if (twin[from] != 0 && twin[to] != 0 && random_.chance(0.9)) {
        edges_.emplace_back(twin[to], twin[from]);
      }
    }
    for (std::size_t v = 0; v < forward; ++v) {
      if (twin[v] != 0 && random_.chance(0.5)) edges_.emplace_back(v, twin[v]);
    }
    for (const std::size_t orphan : orphans) connect_orphan(orphan, forward);
  }

  std::size_t add_orphan() {
    Node node{Phase::backward, std::nullopt};
    if (random_.chance(0.5)) node.group = pick({"loss", "loss", "extra"});
    nodes_.push_back(std::move(node));
    return nodes_.size() - 1;
  }

  void connect_orphan(std::size_t orphan, std::size_t forward) {
    for (std::size_t v = forward; v < nodes_.size(); ++v) {
      if (v != orphan && random_.chance(0.4)) {
        edges_.emplace_back(std::min(v, orphan), std::max(v, orphan));
      }
    }
    if (random_.chance(0.3)) edges_.emplace_back(index_below(forward), orphan);
  }

  // Edges among the positions [begin, end).
  void connect(std::size_t begin, std::size_t end) {
    const double shape = random_.unit();
    if (shape < 0.2) {
      for (std::size_t v = begin + 1; v < end; ++v) edges_.emplace_back(v - 1, v);
      return;
    }
    if (shape < 0.4) {  // branches between a source and a sink
      const std::size_t branches = index_between(1, 4);
      for (std::size_t v = begin + 1; v < end; ++v) {
        edges_.emplace_back(v > begin + branches ? v - branches : begin, v);
        if (v + branches >= end && v + 1 < end) edges_.emplace_back(v, end - 1);
      }
      return;
    }
    const double density = pick({0.1, 0.3, 0.6});
    for (std::size_t v = begin; v < end; ++v) {
      for (std::size_t u = begin; u < v; ++u) {
        if (random_.chance(density)) edges_.emplace_back(u, v);
      }
    }
  }

  // Operators are numbered in an order of their own, not topologically.
  void add_operators() {
    operator_at_.resize(nodes_.size());
    std::iota(operator_at_.begin(), operator_at_.end(), std::size_t{0});
    if (random_.chance(0.7)) {
      for (std::size_t i = operator_at_.size(); i > 1; --i) {
        std::swap(operator_at_[i - 1], operator_at_[index_below(i)]);
      }
    }
    draft_.operators.resize(nodes_.size());
    const double unsupported = pick({0.0, 0.0, 0.1, 0.4});
    for (std::size_t position = 0; position < nodes_.size(); ++position) {
      const std::size_t v = operator_at_[position];
      model::OperatorSpec& op = draft_.operators[v];
      op.id = fmt::format("v{}", v);
      if (random_.chance(0.2)) op.name = fmt::format("block{}", position / 3);
      op.phase = nodes_[position].phase;
      op.group = nodes_[position].group;
      op.memory = Bytes(weight());
      for (std::size_t c = 0; c < draft_.time_columns.size(); ++c) {
        op.times.push_back(random_.chance(unsupported) ? std::nullopt
                                                       : std::optional(Duration(weight())));
      }
      const std::string& needed = draft_.classes[index_below(draft_.classes.size())].times;
      const auto column = std::find(draft_.time_columns.begin(), draft_.time_columns.end(), needed);
      auto& time = op.times[static_cast<std::size_t>(column - draft_.time_columns.begin())];
      if (!time) time = Duration(weight());
    }
  }

  void add_tensors() {
    std::vector<std::vector<OperatorId>> consumers(nodes_.size());
    for (const auto& [from, to] : edges_) consumers[from].emplace_back(operator_at_[to]);
    cost_ = pick({1.0, 1.0, 0.3, 0.0});
    for (std::size_t position = 0; position < nodes_.size(); ++position) {
      const OperatorId producer(operator_at_[position]);
      std::vector<OperatorId>& all = consumers[position];
      if (random_.chance(0.1)) add_tensor(producer, {});
      if (random_.chance(0.7)) {
        if (!all.empty()) add_tensor(producer, all);
      } else {
        for (const OperatorId consumer : all) add_tensor(producer, {consumer});
        if (all.size() > 1 && random_.chance(0.3)) add_tensor(producer, {all.front(), all.back()});
      }
    }
  }

  void add_tensor(OperatorId producer, std::vector<OperatorId> consumers) {
    model::TensorSpec tensor;
    tensor.producer = producer;
    tensor.consumers = std::move(consumers);
    tensor.transfer = Duration(random_.chance(cost_) ? weight() : 0);
    if (random_.chance(0.8)) tensor.bytes = Bytes(random_.chance(cost_) ? weight() : 0);
    draft_.tensors.push_back(std::move(tensor));
  }

  void limit_memory() {
    Bytes total;
    Bytes largest;
    for (const model::OperatorSpec& op : draft_.operators) {
      total += op.memory;
      largest = std::max(largest, op.memory);
    }
    std::int64_t devices = 0;
    for (const model::DeviceClass& c : draft_.classes) devices += c.count;
    for (model::DeviceClass& c : draft_.classes) {
      const double kind = random_.unit();
      if (kind < 0.45) continue;
      if (kind < 0.6) {
        c.memory = total;
      } else if (kind < 0.95) {
        const std::int64_t fair = (total.count() + devices - 1) / devices;
        c.memory = Bytes(random_.between(fair, 2 * fair));
      } else {
        c.memory = Bytes(random_.between(0, largest.count()));
      }
    }
  }

  model::DeviceRule rule() {
    const std::size_t v = index_below(nodes_.size());
    const model::DeviceClass& c = draft_.classes[index_below(draft_.classes.size())];
    const bool one = random_.chance(0.6);
    return {random_.chance(0.8) ? fmt::format("^v{}$", v) : fmt::format("^v[0-{}]$", v % 10),
            one ? fmt::format("{}{}", c.name, random_.below(static_cast<std::uint64_t>(c.count)))
                : c.name};
  }

  void ask() {
    model::Question& question = draft_.question;
    question.placement = pick({model::PlacementRule::contiguous, model::PlacementRule::any});
    question.transfers = pick(
        {model::Transfers::serial, model::Transfers::half_duplex, model::Transfers::full_duplex});
    const double schedule = random_.unit();
    if (schedule < 0.35) question.schedule = model::Schedule::gpipe;
    if (schedule > 0.8) question.schedule = model::Schedule::one_f_one_b;
    if (random_.chance(0.15)) question.pins.push_back(rule());
    while (random_.chance(0.2)) question.forbids.push_back(rule());
  }

  Random& random_;
  const Size& size_;
  Weights weights_ = Weights::small;
  double cost_ = 1.0;  // probability that a tensor costs anything to move
  std::vector<Node> nodes_;
  std::vector<std::pair<std::size_t, std::size_t>> edges_;  // positions
  std::vector<std::size_t> operator_at_;                    // [positions]
  Draft draft_;
};

}  // namespace

Draft random_draft(std::uint64_t seed, const Size& size) {
  Random random(seed);
  while (true) {
    Draft draft = Generator(random, size).draft();
    // Rules may leave an operator without a device: that is bad input, not a problem.
    if (build(draft)) return draft;
  }
}

}  // namespace cleave::support
