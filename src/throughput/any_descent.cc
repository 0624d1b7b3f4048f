#include "throughput/any_descent.h"

#include <algorithm>
#include <numeric>

namespace cleave::throughput {
namespace {

class Descent {
 public:
  Descent(std::span<const std::size_t> kind_of, Resplit& resplit, Dealing& dealing,
          std::uint64_t& effort, const base::Deadline& deadline)
      : kind_of_(kind_of),
        resplit_(resplit),
        dealing_(dealing),
        effort_(effort),
        deadline_(deadline),
        changed_(kind_of.size(), 1),
        tried_(kind_of.size() * kind_of.size() * 2, 0) {}

  void run() {
    while (!deadline_.reached() && (relieve_busiest() || save_transfers())) {
    }
  }

 private:
  bool relieve_busiest() {
    const auto busiest = static_cast<std::uint32_t>(
        std::max_element(dealing_.loads.begin(), dealing_.loads.end()) - dealing_.loads.begin());
    std::vector<std::uint32_t> others(dealing_.loads.size());
    std::iota(others.begin(), others.end(), 0);
    std::erase(others, busiest);
    std::stable_sort(others.begin(), others.end(), [&](std::uint32_t a, std::uint32_t b) {
      return dealing_.loads[a] < dealing_.loads[b];
    });
    return std::any_of(others.begin(), others.end(), [&](std::uint32_t other) {
      return deal(busiest, other, Resplit::Goal::larger, dealing_.loads[busiest] - 1);
    });
  }

  bool save_transfers() {
    const Amount limit = dealing_.objective() - 1;
    for (std::uint32_t a = 0; a < dealing_.loads.size(); ++a) {
      for (std::uint32_t b = a + 1; b < dealing_.loads.size(); ++b) {
        if (std::max(dealing_.loads[a], dealing_.loads[b]) > limit) continue;
        if (deadline_.reached()) return false;
        if (deal(a, b, Resplit::Goal::sum, limit)) return true;
      }
    }
    return false;
  }

  // Whether it did any good. A pair is not tried again before one of the two has changed.
  bool deal(std::uint32_t a, std::uint32_t b, Resplit::Goal goal, Amount limit) {
    std::uint64_t& tried = tried_[(a * changed_.size() + b) * 2 + static_cast<std::size_t>(goal)];
    if (tried >= std::max(changed_[a], changed_[b])) return false;
    tried = now_;
    const auto split = resplit_.run(dealing_.device_of, {a, b}, {kind_of_[a], kind_of_[b]}, goal,
                                    limit, effort_, deadline_);
    if (!split) return false;
    if (goal == Resplit::Goal::sum &&
        split->loads[0] + split->loads[1] >= dealing_.loads[a] + dealing_.loads[b]) {
      return false;
    }
    for (std::size_t i = 0; i < split->nodes.size(); ++i) {
      dealing_.device_of[split->nodes[i]] = split->place[i] == 0 ? a : b;
    }
    dealing_.loads[a] = split->loads[0];
    dealing_.loads[b] = split->loads[1];
    changed_[a] = changed_[b] = ++now_;
    return true;
  }

  std::span<const std::size_t> kind_of_;
  Resplit& resplit_;
  Dealing& dealing_;
  std::uint64_t& effort_;
  const base::Deadline& deadline_;
  std::uint64_t now_ = 1;
  std::vector<std::uint64_t> changed_;  // [devices]: when
  std::vector<std::uint64_t> tried_;    // [devices × devices × goals]: when
};

}  // namespace

Amount Dealing::objective() const { return *std::max_element(loads.begin(), loads.end()); }

Dealing measure(const Contracted& graph, std::span<const std::size_t> kind_of,
                std::vector<std::uint32_t> device_of) {
  Dealing dealing{std::move(device_of), std::vector<Amount>(kind_of.size(), 0)};
  for (Node v = 0; v < graph.num_nodes; ++v) {
    const std::uint32_t d = dealing.device_of[v];
    dealing.loads[d] += graph.time(v, kind_of[d], 0);
  }
  std::vector<std::uint32_t> holders;
  for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
    holders.clear();
    for (const Node pin : graph.pins_of(e)) holders.push_back(dealing.device_of[pin]);
    std::sort(holders.begin(), holders.end());
    holders.erase(std::unique(holders.begin(), holders.end()), holders.end());
    if (holders.size() < 2) continue;
    for (const std::uint32_t d : holders) dealing.loads[d] += graph.weight(kind_of[d], e);
  }
  return dealing;
}

void descend(std::span<const std::size_t> kind_of, Resplit& resplit, Dealing& dealing,
             std::uint64_t& effort, const base::Deadline& deadline) {
  Descent(kind_of, resplit, dealing, effort, deadline).run();
}

}  // namespace cleave::throughput
