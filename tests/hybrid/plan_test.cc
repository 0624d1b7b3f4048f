#include "cleave/hybrid/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "cleave/base/random.h"

namespace cleave::hybrid {
namespace {

using base::Bytes;
using base::Duration;

constexpr std::int64_t kSecond = 1'000'000'000'000;
constexpr Cluster kFree{64, 64, std::nullopt, {1, Duration(0)}, {1, Duration(0)}};

// Blocks without ends, and nothing to transfer.
BlockModel equal_blocks(std::int64_t blocks, std::int64_t samples = 1) {
  BlockModel model;
  model.samples = samples;
  model.blocks.assign(static_cast<std::size_t>(blocks),
                      {Duration(100), Duration(200), Bytes(0), Bytes(0), Bytes(0)});
  return model;
}

Duration batch_time(const BlockModel& model, const Choice& choice) {
  return evaluate(model, kFree, choice).batch_time;
}

TEST(Evaluate, CountsTheBubblesOfEqualStages) {
  const BlockModel model = equal_blocks(8);
  const Grid grid{1, 4, Layout::replicas_together};
  const std::int64_t t = 2 * 300;
  const std::int64_t m = 12;
  EXPECT_EQ(batch_time(model, {Method::two_bw, grid, m, 1, false}).count(), m * t);
  EXPECT_EQ(batch_time(model, {Method::flush, grid, m, 1, false}).count(), (m + 3) * t);
  EXPECT_EQ(batch_time(model, {Method::gpipe, grid, m, 1, false}).count(), (m + 3) * t);
  EXPECT_EQ(batch_time(model, {Method::gpipe, grid, m, 3, false}).count(), 3 * (m / 3 + 3) * t);
  EXPECT_EQ(batch_time(model, {Method::inter_layer, grid, m, 1, false}).count(), m * 4 * t);
  EXPECT_EQ(batch_time(model, {Method::data_parallel, {4, 1}, m, 1, false}).count(),
            m / 4 * 8 * 300);
}

TEST(Evaluate, RecomputingCostsAThird) {
  const BlockModel model = equal_blocks(8);
  for (const Method method : {Method::two_bw, Method::flush, Method::gpipe, Method::inter_layer}) {
    Choice choice{method, {2, 4, Layout::stages_together}, 24, 1, false};
    const Duration plain = batch_time(model, choice);
    choice.recompute = true;
    EXPECT_EQ(3 * batch_time(model, choice), 4 * plain) << to_string(method);
  }
}

// The table of memory in the PipeDream-2BW paper, for W = 800, A_tot = 80, A_in = 7, d = 4, m = 12.
TEST(Evaluate, NeedsTheMemoryOfThePapersTable) {
  BlockModel model = equal_blocks(8);
  for (Piece& block : model.blocks) {
    block.weights = Bytes(100);
    block.stash = Bytes(10);
  }
  model.border = Bytes(7);
  const auto memory = [&](Method method, bool recompute) {
    const Choice choice{method, {1, 4, Layout::replicas_together}, 12, 1, recompute};
    return evaluate(model, kFree, choice).memory().count();
  };
  EXPECT_EQ(memory(Method::two_bw, false), 2 * 800 / 4 + 4 * 80 / 4 + 4 * 7);
  EXPECT_EQ(memory(Method::two_bw, true), 2 * 800 / 4 + 80 / 4 + 4 * 7);
  EXPECT_EQ(memory(Method::flush, false), 800 / 4 + 4 * 80 / 4 + 4 * 7);
  EXPECT_EQ(memory(Method::flush, true), 800 / 4 + 80 / 4 + 4 * 7);
  EXPECT_EQ(memory(Method::gpipe, true), 800 / 4 + 80 / 4 + 12 * 7);
}

TEST(Evaluate, TwoVersionsHideTheAllReduceBehindABatch) {
  BlockModel model = equal_blocks(1);
  model.blocks[0].weights = Bytes(10);
  const Cluster cluster{2, 2, std::nullopt, {kSecond, Duration(0)}, {1, Duration(0)}};
  const Grid grid{2, 1};
  EXPECT_EQ(evaluate(model, cluster, {Method::two_bw, grid, 2, 1, false}).batch_time.count(), 300);
  EXPECT_EQ(evaluate(model, cluster, {Method::data_parallel, grid, 2, 1, false}).batch_time.count(),
            310);
  model.blocks[0].weights = Bytes(1000);
  EXPECT_EQ(evaluate(model, cluster, {Method::two_bw, grid, 4, 1, false}).batch_time.count(), 1000);
}

TEST(Evaluate, OneDeviceHoldsTiedWeightsOnce) {
  BlockModel model = equal_blocks(2);
  model.first.weights = model.last.weights = model.tied_weights = Bytes(50);
  const auto weights = [&](Method method, Grid grid) {
    return evaluate(model, kFree, {method, grid, 4, 1, false}).weights.count();
  };
  EXPECT_EQ(weights(Method::data_parallel, {1, 1}), 50);
  EXPECT_EQ(weights(Method::flush, {1, 2}), 50);
  EXPECT_EQ(weights(Method::two_bw, {1, 1}), 100);
}

TEST(Evaluate, TensorParallelGroupsShareWorkAndReduceInEveryBlock) {
  BlockModel model = equal_blocks(3);
  model.border = Bytes(60);
  for (Piece& block : model.blocks) {
    block.weights = Bytes(40);
    block.stash = Bytes(100);
  }
  model.tensor = TensorSplit{4, Bytes(20), Duration(20)};
  const Cluster cluster{8, 4, std::nullopt, {kSecond, Duration(0)}, {kSecond / 10, Duration(0)}};
  const Choice choice{Method::tensor_parallel, {2, 4, Layout::stages_together}, 6, 1, false};
  const Figures figures = evaluate(model, cluster, choice);
  // (100 − 20) / 4 + 20 forward, (200 − 40) / 4 + 40 backward, 4 rings of 2 · 3/4 · 60 bytes.
  const std::int64_t block = 40 + 80 + 4 * 90;
  // Weights of 3 · 40 / 4 = 30 bytes; four rings share the link between servers.
  const std::int64_t all_reduce = 30 * 4 * 10;
  EXPECT_EQ(figures.all_reduce.count(), all_reduce);
  EXPECT_EQ(figures.batch_time.count(), 3 * 3 * block + all_reduce);
  EXPECT_EQ(figures.weights.count(), 30);
  EXPECT_EQ(figures.activations.count(), 3 * (60 + 20 + 80 / 4));
}

// Everything below draws models and clusters at random.

BlockModel random_model(base::Random& random, std::int64_t samples) {
  const auto piece = [&](bool empty) {
    return empty ? Piece{}
                 : Piece{Duration(1000 * random.between(1, 50)),
                         Duration(1000 * random.between(1, 90)), Bytes(random.between(0, 40)),
                         Bytes(random.between(0, 100)), Bytes(random.between(0, 60))};
  };
  BlockModel model;
  model.samples = samples;
  for (std::int64_t n = random.between(1, 12); n > 0; --n) model.blocks.push_back(piece(false));
  model.first = piece(random.chance(0.3));
  model.last = piece(random.chance(0.3));
  model.border = Bytes(random.between(0, 30));
  return model;
}

Cluster random_cluster(base::Random& random) {
  const std::int64_t per_server = random.between(1, 4);
  const auto link = [&](std::int64_t slow) {
    return model::Link{random.between(kSecond / 10'000, kSecond / 1000) / slow,
                       Duration(random.between(0, 3))};
  };
  Cluster cluster{per_server * random.between(1, 3), per_server, std::nullopt, link(1), link(8)};
  if (random.chance(0.7)) cluster.memory = Bytes(random.between(50, 2000));
  return cluster;
}

// What evaluate() promises, written down anew: device by device, in floating point.
struct Naive {
  const BlockModel& model;
  const Cluster& cluster;
  const Choice& choice;

  std::int64_t server(std::int64_t r, std::int64_t s) const {
    return choice.grid.device(r, s) / cluster.per_server;
  }
  double price(const model::Link& link, std::int64_t sharers, double bytes) const {
    const auto rate = static_cast<double>(link.bytes_per_second) / 1e12;
    return static_cast<double>(link.latency.count()) + bytes * static_cast<double>(sharers) / rate;
  }
  double border(std::int64_t stage) const {
    if (stage == 0) return 0;
    std::int64_t sharers = 0;
    for (std::int64_t r = 0; r < choice.grid.width; ++r) {
      if (server(r, stage) == server(r, stage - 1)) continue;
      std::int64_t arrivals = 0;
      for (std::int64_t r2 = 0; r2 < choice.grid.width; ++r2) {
        for (std::int64_t s2 = 1; s2 < choice.grid.depth; ++s2) {
          arrivals += server(r2, s2) == server(r, stage) && server(r2, s2 - 1) != server(r2, s2);
        }
      }
      sharers = std::max(sharers, arrivals);
    }
    const auto bytes = static_cast<double>(model.border.count());
    return sharers == 0 ? price(cluster.inside, 1, bytes) : price(cluster.between, sharers, bytes);
  }
  std::set<std::int64_t> servers_of(std::int64_t stage) const {
    std::set<std::int64_t> servers;
    for (std::int64_t r = 0; r < choice.grid.width; ++r) servers.insert(server(r, stage));
    return servers;
  }
  double ring(std::int64_t stage, double bytes) const {
    const auto w = static_cast<double>(choice.grid.width);
    if (choice.grid.width == 1) return 0;
    const double moved = 2 * (w - 1) / w * bytes;
    if (servers_of(stage).size() == 1) return price(cluster.inside, 1, moved);
    std::int64_t sharers = 0;
    for (const std::int64_t at : servers_of(stage)) {
      std::int64_t rings = 0;
      for (std::int64_t s = 0; s < choice.grid.depth; ++s) {
        rings += servers_of(s).size() > 1 && servers_of(s).count(at) == 1;
      }
      sharers = std::max(sharers, rings);
    }
    return price(cluster.between, sharers, moved);
  }

  struct Answer {
    double batch_time = 0;
    double memory = 0;
  };
  Answer answer() const {
    const std::int64_t d = choice.grid.depth;
    const std::int64_t m = choice.batch / choice.grid.width / model.samples;
    const std::int64_t n = static_cast<std::int64_t>(model.blocks.size()) / d;
    double sum = 0, most = 0, forward_sum = 0, forward_most = 0, backward_sum = 0;
    double backward_most = 0, slowest_reduce = 0, memory = 0;
    for (std::int64_t s = 0; s < d; ++s) {
      double forward = border(s), backward = border(s), again = 0;
      double weights = 0, state = 0, stash = 0, last_stash = 0;
      const auto add = [&](const Piece& piece) {
        forward += static_cast<double>(piece.forward.count());
        backward += static_cast<double>(piece.backward.count());
        weights += static_cast<double>(piece.weights.count());
        state += static_cast<double>(piece.state.count());
      };
      for (std::int64_t i = s * n; i < (s + 1) * n; ++i) {
        const Piece& block = model.blocks[static_cast<std::size_t>(i)];
        add(block);
        again += static_cast<double>(block.forward.count());
        stash += static_cast<double>(block.stash.count());
      }
      if (s == 0) {
        add(model.first);
        last_stash += static_cast<double>(model.first.stash.count());
      }
      if (s == d - 1) {
        add(model.last);
        last_stash += static_cast<double>(model.last.stash.count());
      }
      if (choice.recompute) backward += again;
      std::int64_t flying = 1;
      if (choice.method == Method::two_bw || choice.method == Method::flush) {
        flying = std::min(m, d - s);
      }
      if (choice.method == Method::gpipe) flying = m / choice.rounds;
      const double input = static_cast<double>(model.border.count()) + last_stash;
      const auto in_flight = static_cast<double>(flying);
      memory = std::max(
          memory, weights * (choice.method == Method::two_bw ? 2 : 1) + state +
                      (choice.recompute ? stash + in_flight * input : in_flight * (stash + input)));
      slowest_reduce = std::max(slowest_reduce, ring(s, weights));
      sum += forward + backward;
      most = std::max(most, forward + backward);
      forward_sum += forward;
      forward_most = std::max(forward_most, forward);
      backward_sum += backward;
      backward_most = std::max(backward_most, backward);
    }
    const auto micro_batches = static_cast<double>(m);
    const auto rounds = static_cast<double>(choice.rounds);
    switch (choice.method) {
      case Method::two_bw:
        return {std::max(micro_batches * most, slowest_reduce), memory};
      case Method::flush:
        return {sum + (micro_batches - 1) * most + slowest_reduce, memory};
      case Method::gpipe:
        return {rounds * (forward_sum + backward_sum +
                          (micro_batches / rounds - 1) * (forward_most + backward_most)) +
                    slowest_reduce,
                memory};
      default:
        return {micro_batches * sum + slowest_reduce, memory};
    }
  }
};

// Every choice there is, by trying all numbers.
std::vector<Choice> all_choices(Method method, const BlockModel& model, const Cluster& cluster,
                                std::int64_t batch) {
  std::vector<Choice> choices;
  const auto n = static_cast<std::int64_t>(model.blocks.size());
  for (std::int64_t w = 1; w <= cluster.devices; ++w) {
    for (std::int64_t d = 1; d <= cluster.devices; ++d) {
      if (w * d > cluster.devices || n % d != 0 || batch % (w * model.samples) != 0) continue;
      const std::int64_t m = batch / w / model.samples;
      if (method == Method::data_parallel && d != 1) continue;
      if (method != Method::data_parallel && method != Method::two_bw && d == 1) continue;
      if (method == Method::two_bw && m < d) continue;
      for (std::int64_t rounds = 1; rounds <= (method == Method::gpipe ? m : 1); ++rounds) {
        if (m % rounds != 0) continue;
        for (const bool recompute : {false, true}) {
          for (const Layout layout : {Layout::stages_together, Layout::replicas_together}) {
            choices.push_back({method, {w, d, layout}, batch, rounds, recompute});
          }
        }
      }
    }
  }
  return choices;
}

// Each of at most 12 stages rounds up two transfers a micro-batch, and its all-reduce.
double rounding(std::int64_t batch) { return static_cast<double>(2 * 12 * batch + 2); }

TEST(Plan, EqualsBruteForce) {
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    base::Random random(seed);
    const Cluster cluster = random_cluster(random);
    std::vector<BlockModel> models{random_model(random, 1)};
    models.push_back(models.front());
    models.back().samples = 2;
    for (Piece& block : models.back().blocks) block.forward += Duration(20'000);
    const Request request{random.between(1, 24), {}, {}, {}};
    for (const Method method : methods()) {
      std::optional<double> fastest;
      for (const BlockModel& model : models) {
        for (const Choice& choice : all_choices(method, model, cluster, request.batch)) {
          if (method == Method::tensor_parallel) continue;
          const Naive::Answer answer = Naive{model, cluster, choice}.answer();
          if (cluster.memory && answer.memory > static_cast<double>(cluster.memory->count())) {
            continue;
          }
          fastest = std::min(answer.batch_time, fastest.value_or(answer.batch_time));
        }
      }
      const auto all = candidates(method, models, cluster, request);
      const Candidate* winner = best(all);
      ASSERT_EQ(winner != nullptr, fastest.has_value()) << seed << " " << to_string(method);
      if (winner == nullptr) continue;
      const double slack = rounding(request.batch);
      const auto time = static_cast<double>(winner->figures.batch_time.count());
      EXPECT_GE(time, *fastest - 1e-6) << seed << " " << to_string(method);
      EXPECT_LE(time, *fastest + slack) << seed << " " << to_string(method);
      ++found;
    }
  }
  EXPECT_GT(found, 500);
}

TEST(Plan, FiguresOfEveryCandidateAreThoseOfTheDefinitions) {
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    base::Random random(seed);
    const Cluster cluster = random_cluster(random);
    const std::vector<BlockModel> models{random_model(random, 1)};
    const std::int64_t batch = random.between(1, 24);
    for (const Method method : methods()) {
      for (const Candidate& c : candidates(method, models, cluster, {batch, {}, {}, {}})) {
        const Naive::Answer answer = Naive{models[0], cluster, c.choice}.answer();
        EXPECT_EQ(static_cast<double>(c.figures.memory().count()), answer.memory);
        EXPECT_NEAR(static_cast<double>(c.figures.batch_time.count()), answer.batch_time,
                    rounding(batch));
        EXPECT_EQ(c.fits, !cluster.memory || c.figures.memory() <= *cluster.memory);
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 2000);
}

Duration fastest_time(const BlockModel& model, const Cluster& cluster, std::int64_t batch) {
  Duration time = base::kMaxDuration;
  for (const Method method : methods()) {
    const auto all = candidates(method, std::span(&model, 1), cluster, {batch, {}, {}, {}});
    if (const Candidate* winner = best(all)) time = std::min(time, winner->figures.batch_time);
  }
  return time;
}

TEST(Plan, MoreOfAnythingNeverHurts) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    base::Random random(seed);
    Cluster cluster = random_cluster(random);
    if (!cluster.memory) cluster.memory = Bytes(500);
    const BlockModel model = random_model(random, 1);
    const std::int64_t batch = random.between(1, 24);
    const Duration time = fastest_time(model, cluster, batch);
    Cluster better = cluster;
    better.memory = Bytes(cluster.memory->count() * 2);
    EXPECT_LE(fastest_time(model, better, batch), time) << seed;
    better = cluster;
    better.devices += cluster.per_server;
    EXPECT_LE(fastest_time(model, better, batch), time) << seed;
    better = cluster;
    better.between.bytes_per_second *= 2;
    better.inside.bytes_per_second *= 2;
    EXPECT_LE(fastest_time(model, better, batch), time) << seed;
  }
}

TEST(Plan, SaysWhyNothingSuits) {
  BlockModel model = equal_blocks(4, 2);
  for (Piece& block : model.blocks) block.weights = Bytes(100);
  const std::vector<BlockModel> models{model};
  Cluster cluster{8, 8, Bytes(150), {1, Duration(0)}, {1, Duration(0)}};
  const auto error = [&](const Request& request) {
    const auto rows = plan(models, cluster, request);
    return rows ? std::string() : rows.error().message;
  };
  EXPECT_EQ(error({0, {}, {}, {}}), "the batch is 0; it has at least 1 sample");
  EXPECT_EQ(error({7, {}, {}, {}}),
            "a batch of 7 samples over 1 replica cannot be divided into micro-batches of 2");
  EXPECT_EQ(error({8, 3, {}, {}}),
            "a batch of 8 samples over 3 replicas cannot be divided into micro-batches of 2");
  EXPECT_EQ(error({8, 4, 4, {}}),
            "4 replicas of 4 devices each are more than the cluster's 8 devices");
  EXPECT_EQ(error({8, {}, 0, {}}), "width 1 and depth 0 are asked for; both are at least 1");
  EXPECT_EQ(error({8, {}, {}, {}}), "");

  cluster.memory = Bytes(99);
  const auto rows = plan(models, cluster, {8, {}, {}, {}});
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().code, base::ErrorCode::infeasible);
  EXPECT_EQ(rows.error().message,
            "a block alone needs 100 bytes for its weights and their state, 1 more than the 99 "
            "that a device has");

  cluster.memory = Bytes(150);
  EXPECT_EQ(error({8, {}, 2, {}}),
            "nothing fits: inter-layer needs at least 200 bytes a device (1 × 2 devices, "
            "micro-batches of 2), 50 more than the 150 that it has");
}

TEST(Plan, KeepsTheReasonOfEachMethod) {
  BlockModel model = equal_blocks(4);
  for (Piece& block : model.blocks) block.weights = Bytes(100);
  const Cluster cluster{3, 3, Bytes(250), {1, Duration(0)}, {1, Duration(0)}};
  const auto rows = plan(std::span(&model, 1), cluster, {1, {}, {}, {}});
  ASSERT_TRUE(rows.ok());
  const auto reason = [&](Method method) {
    return std::find_if(rows->begin(), rows->end(),
                        [&](const Row& r) { return r.method == method; })
        ->reason;
  };
  EXPECT_EQ(reason(Method::data_parallel),
            "at least 400 bytes a device (1 × 1 devices, micro-batches of 1), 150 more than the "
            "250 that it has");
  EXPECT_EQ(reason(Method::tensor_parallel), "how to split the operators is not known");
  EXPECT_EQ(reason(Method::flush), "");
  EXPECT_EQ(reason(Method::two_bw),
            "at least 800 bytes a device (1 × 1 devices, micro-batches of 1), 550 more than the "
            "250 that it has");
}

}  // namespace
}  // namespace cleave::hybrid
