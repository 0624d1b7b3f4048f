#include "cleave/model/problem.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cleave::model {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000'000;

// embed -> middle -> head; "embed" runs on the CPU only, "head" on the GPU only.
struct Chain {
  std::optional<Bytes> bytes = Bytes(1000);
  std::optional<Duration> transfer = Duration(5);
  Phase phase = Phase::forward;

  [[nodiscard]] std::shared_ptr<const Graph> graph() const {
    GraphBuilder builder({"cpu", "gpu"});
    const auto add = [&](std::string id, std::string name, std::optional<Duration> cpu,
                         std::optional<Duration> gpu) {
      OperatorSpec spec;
      spec.id = std::move(id);
      spec.name = std::move(name);
      spec.times = {cpu, gpu};
      spec.phase = phase;
      return builder.add_operator(std::move(spec));
    };
    const auto a = add("0", "embed", Duration(9), std::nullopt);
    const auto b = add("1", "middle", Duration(8), Duration(2));
    const auto c = add("2", "head", std::nullopt, Duration(3));
    builder.add_tensor({a, {b}, bytes, transfer});
    builder.add_tensor({b, {c}, bytes, transfer});
    auto built = std::move(builder).build();
    return std::make_shared<const Graph>(std::move(built).value());
  }
};

Machine machine(int gpus = 3, std::optional<Link> link = std::nullopt) {
  DeviceClass gpu;
  gpu.name = "gpu";
  gpu.count = gpus;
  gpu.memory = Bytes(100);
  gpu.link = link;
  DeviceClass cpu;
  cpu.name = "cpu";
  cpu.pays_transfers = false;
  auto created = Machine::create({gpu, cpu});
  return std::move(created).value();
}

Problem ask(const Chain& chain, Machine on, Question question = {}) {
  auto problem = Problem::create(chain.graph(), std::move(on), std::move(question));
  EXPECT_TRUE(problem.ok()) << problem.error().to_string();
  return std::move(problem).value();
}

void expect_rejected(const Chain& chain, Machine on, Question question,
                     const std::string& message) {
  const auto problem = Problem::create(chain.graph(), std::move(on), std::move(question));
  ASSERT_FALSE(problem.ok());
  EXPECT_EQ(problem.error().code, base::ErrorCode::bad_input);
  EXPECT_NE(problem.error().message.find(message), std::string::npos) << problem.error().message;
}

Question pin(std::string pattern, std::string device) {
  Question question;
  question.pins = {{std::move(pattern), std::move(device)}};
  return question;
}

Question forbid(std::string pattern, std::string device) {
  Question question;
  question.forbids = {{std::move(pattern), std::move(device)}};
  return question;
}

constexpr OperatorId kEmbed(0);
constexpr OperatorId kMiddle(1);
constexpr OperatorId kHead(2);
constexpr ClassId kGpu(0);
constexpr ClassId kCpu(1);

TEST(Problem, TakesTimesAndMemoryByClass) {
  const Problem problem = ask({}, machine());
  EXPECT_EQ(problem.time(kMiddle, kGpu), Duration(2));
  EXPECT_EQ(problem.time(kMiddle, kCpu), Duration(8));
  EXPECT_EQ(problem.time(kEmbed, kGpu), std::nullopt);
  EXPECT_EQ(problem.memory(kGpu), Bytes(100));
  EXPECT_EQ(problem.memory(kCpu), std::nullopt);
}

TEST(Problem, HasOneKindAClassWithoutRules) {
  const Problem problem = ask({}, machine());
  ASSERT_EQ(problem.num_kinds(), 2U);
  EXPECT_EQ(problem.kind(KindId(0)).device_class, kGpu);
  EXPECT_EQ(problem.kind(KindId(0)).devices,
            (std::vector<DeviceId>{DeviceId(0), DeviceId(1), DeviceId(2)}));
  EXPECT_EQ(problem.kind_of(DeviceId(3)), KindId(1));
  EXPECT_FALSE(problem.allowed(kEmbed, DeviceId(0)));
  EXPECT_TRUE(problem.allowed(kMiddle, DeviceId(2)));
  EXPECT_FALSE(problem.allowed(kHead, DeviceId(3)));
}

TEST(Problem, PinsToADevice) {
  const Problem problem = ask({}, machine(), pin("head", "gpu1"));
  ASSERT_EQ(problem.num_kinds(), 3U);
  EXPECT_FALSE(problem.allowed(kHead, DeviceId(0)));
  EXPECT_TRUE(problem.allowed(kHead, DeviceId(1)));
  EXPECT_FALSE(problem.allowed(kHead, DeviceId(2)));
  EXPECT_TRUE(problem.allowed(kMiddle, DeviceId(0))) << "others are free";
  EXPECT_EQ(problem.kind_of(DeviceId(0)), problem.kind_of(DeviceId(2)));
}

TEST(Problem, PinsToAClass) {
  const Problem problem = ask({}, machine(), pin("middle", "cpu"));
  EXPECT_EQ(problem.num_kinds(), 2U);
  EXPECT_FALSE(problem.allowed(kMiddle, DeviceId(0)));
  EXPECT_TRUE(problem.allowed(kMiddle, DeviceId(3)));
}

TEST(Problem, ForbidsADeviceAndAClass) {
  const Problem device = ask({}, machine(), forbid("middle", "gpu2"));
  EXPECT_TRUE(device.allowed(kMiddle, DeviceId(0)));
  EXPECT_FALSE(device.allowed(kMiddle, DeviceId(2)));
  const Problem all = ask({}, machine(), forbid("middle", "gpu"));
  EXPECT_FALSE(all.allowed(kMiddle, DeviceId(0)));
  EXPECT_TRUE(all.allowed(kMiddle, DeviceId(3)));
}

TEST(Problem, MatchesAnywhereInNameOrId) {
  EXPECT_FALSE(ask({}, machine(), forbid("^mid", "gpu")).allowed(kMiddle, DeviceId(0)));
  EXPECT_FALSE(ask({}, machine(), forbid("^1$", "gpu")).allowed(kMiddle, DeviceId(0)));
  EXPECT_FALSE(ask({}, machine(), forbid("m|x", "gpu0")).allowed(kMiddle, DeviceId(0)));
}

TEST(Problem, RulesAddUp) {
  Question question = pin("middle", "gpu");
  question.forbids = {{"middle", "gpu0"}, {"middle", "gpu1"}};
  const Problem problem = ask({}, machine(), question);
  EXPECT_FALSE(problem.allowed(kMiddle, DeviceId(0)));
  EXPECT_TRUE(problem.allowed(kMiddle, DeviceId(2)));
  EXPECT_FALSE(problem.allowed(kMiddle, DeviceId(3)));
}

TEST(Problem, DevicesAllowedTheSameAreOneKindWhateverTheRules) {
  Question question = forbid("middle", "gpu0");
  question.forbids.push_back({"middle", "gpu1"});
  question.forbids.push_back({"embed", "gpu2"});  // which no GPU runs anyway
  const Problem problem = ask({}, machine(), question);
  ASSERT_EQ(problem.num_kinds(), 3U);
  EXPECT_EQ(problem.kind(KindId(0)).devices, (std::vector<DeviceId>{DeviceId(0), DeviceId(1)}));
  EXPECT_EQ(problem.kind(KindId(1)).devices, (std::vector<DeviceId>{DeviceId(2)}));
}

TEST(Problem, RejectsRulesThatNameNothing) {
  expect_rejected({}, machine(), pin("head", "tpu0"),
                  "pin 'head=tpu0' names a device the machine does not have; it has gpu (gpu0 to "
                  "gpu2), cpu (cpu0 to cpu0)");
  expect_rejected({}, machine(), forbid("head", "gpu3"), "forbid 'head=gpu3' names a device");
  expect_rejected({}, machine(), pin("tail", "gpu"), "pin 'tail=gpu' matches no operator");
}

TEST(Problem, RejectsPatternsThatAreNone) {
  expect_rejected({}, machine(), pin("(", "gpu"), "not a regular expression");
  expect_rejected({}, machine(), pin(std::string(5000, 'a'), "gpu"),
                  "the pattern of a pin has 5000 characters");
}

TEST(Problem, MatchesHostilePatternsInPolynomialTime) {
  GraphBuilder builder({"gpu", "cpu"});
  OperatorSpec spec;
  spec.id = std::string(4000, 'a');
  spec.times = {Duration(1), Duration(1)};
  builder.add_operator(spec);
  auto built = std::move(builder).build();
  const auto graph = std::make_shared<const Graph>(std::move(built).value());
  const auto problem = Problem::create(graph, machine(), pin("^(a*)*b", "gpu"));
  ASSERT_FALSE(problem.ok());
  EXPECT_NE(problem.error().message.find("matches no operator"), std::string::npos);
}

TEST(Problem, RefusesToMatchEndlessNames) {
  GraphBuilder builder({"gpu", "cpu"});
  OperatorSpec spec;
  spec.id = std::string(1'000'000, 'a');
  spec.times = {Duration(1), Duration(1)};
  builder.add_operator(spec);
  auto built = std::move(builder).build();
  const auto graph = std::make_shared<const Graph>(std::move(built).value());
  EXPECT_TRUE(Problem::create(graph, machine(), {}).ok());
  const auto problem = Problem::create(graph, machine(), pin(".*", "gpu"));
  ASSERT_FALSE(problem.ok());
  EXPECT_NE(problem.error().message.find("more than 4096 characters"), std::string::npos);
}

TEST(Problem, RejectsAnOperatorWithoutADevice) {
  expect_rejected({}, machine(), pin("embed", "gpu"),
                  "pins and forbids leave no device for operator '0'");
  Question question = pin("middle", "gpu0");
  question.pins.push_back({"middle", "gpu1"});
  expect_rejected({}, machine(), question, "pins and forbids leave no device for operator '1'");

  DeviceClass gpu;
  gpu.name = "gpu";
  expect_rejected({}, Machine::create({gpu}).value(), {},
                  "operator '0' is supported by no device of this machine");
}

TEST(Problem, RejectsAClassWithoutTimes) {
  DeviceClass tpu;
  tpu.name = "tpu";
  expect_rejected({}, Machine::create({tpu}).value(), {},
                  "device class 'tpu' takes operator times from 'tpu', but the graph has times "
                  "for 'cpu', 'gpu' only");
}

TEST(Problem, ChoosesTheScheduleFromTheGraph) {
  EXPECT_EQ(ask({}, machine()).schedule(), Schedule::inference);
  Chain backward;
  backward.phase = Phase::backward;
  EXPECT_EQ(ask(backward, machine()).schedule(), Schedule::one_f_one_b);
  Question question;
  question.schedule = Schedule::gpipe;
  EXPECT_EQ(ask(backward, machine(), question).schedule(), Schedule::gpipe);
  question.schedule = Schedule::inference;
  expect_rejected(backward, machine(), question, "schedule 'inference' does not apply");
}

TEST(Problem, PricesByGivenTimeWithoutALink) {
  const Problem problem = ask({}, machine());
  EXPECT_EQ(problem.transfer(TensorId(0), kGpu), Duration(5));
  EXPECT_EQ(problem.transfer(TensorId(0), kCpu), Duration(0)) << "host memory is free";
}

TEST(Problem, PricesByBytesOverALink) {
  const Problem problem = ask({}, machine(3, Link{1000, Duration(7)}));
  EXPECT_EQ(problem.transfer(TensorId(0), kGpu), Duration(kSecond + 7));
  EXPECT_EQ(problem.transfer(TensorId(0), kCpu), Duration(0));
}

TEST(Problem, RoundsPricesUp) {
  Chain chain;
  chain.bytes = Bytes(1);
  const Problem problem = ask(chain, machine(3, Link{3, Duration(0)}));
  EXPECT_EQ(problem.transfer(TensorId(0), kGpu), Duration(kSecond / 3 + 1));
}

TEST(Problem, PricesByGivenTimeWhereThereIsALinkButNoSize) {
  Chain chain;
  chain.bytes = std::nullopt;
  const Problem problem = ask(chain, machine(3, Link{1000, Duration(7)}));
  EXPECT_EQ(problem.transfer(TensorId(0), kGpu), Duration(5));
}

TEST(Problem, RejectsTensorsWithoutAPrice) {
  Chain sized;
  sized.transfer = std::nullopt;
  expect_rejected(sized, machine(), {},
                  "a tensor of operator '0' has no transfer time, and device class 'gpu' describes "
                  "no link that would price it by size");
  Chain bare;
  bare.bytes = std::nullopt;
  bare.transfer = std::nullopt;
  expect_rejected(bare, machine(3, Link{1000, Duration(0)}), {},
                  "has neither a size nor a transfer time; device class 'gpu' needs one");
}

TEST(Problem, RejectsPricesThatOverflow) {
  Chain chain;
  chain.bytes = Bytes(Bytes::max().count() / 2);
  expect_rejected(chain, machine(3, Link{1, Duration(0)}), {},
                  "moving all tensors to device class 'gpu' takes longer than can be represented");
  Chain small;
  small.bytes = Bytes(1);
  const Duration endless(std::numeric_limits<std::int64_t>::max());
  expect_rejected(small, machine(3, Link{1, endless}), {}, "longer than can be represented");
}

TEST(Problem, IsCheapToCopy) {
  const Problem problem = ask({}, machine());
  const Problem copy = problem;  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_EQ(&copy.graph(), &problem.graph());
}

TEST(Question, IsReadAsOnTheCommandLine) {
  EXPECT_EQ(to_string(Objective::throughput), "throughput");
  EXPECT_EQ(to_string(Objective::latency), "latency");
  EXPECT_EQ(to_string(Schedule::inference), "inference");
  EXPECT_EQ(to_string(Schedule::one_f_one_b), "1f1b");
  EXPECT_EQ(to_string(Schedule::gpipe), "gpipe");
  EXPECT_EQ(to_string(Transfers::serial), "serial");
  EXPECT_EQ(to_string(Transfers::half_duplex), "half-duplex");
  EXPECT_EQ(to_string(Transfers::full_duplex), "full-duplex");
  EXPECT_EQ(to_string(PlacementRule::contiguous), "contiguous");
  EXPECT_EQ(to_string(PlacementRule::any), "any");
  Question question;
  EXPECT_EQ(describe_placement(question), "contiguous");
  question.placement = PlacementRule::slots;
  question.slots = 2;
  EXPECT_EQ(describe_placement(question), "slots=2");
}

Question latency(PlacementRule rule = PlacementRule::contiguous, int slots = 1) {
  Question question;
  question.objective = Objective::latency;
  question.placement = rule;
  question.slots = slots;
  return question;
}

TEST(Latency, MakesClassesThatPayNothingPools) {
  DeviceClass cpu;
  cpu.name = "cpu";
  cpu.count = 8;
  cpu.memory = Bytes(50);
  cpu.pays_transfers = false;
  DeviceClass gpu;
  gpu.name = "gpu";
  gpu.count = 2;
  Question question = latency();
  question.pins = {{"embed", "cpu"}};
  const Problem problem = ask({}, Machine::create({cpu, gpu}).value(), question);
  const Machine& pooled = problem.machine();
  EXPECT_EQ(pooled.num_devices(), 3u);
  EXPECT_TRUE(pooled.is_pool(DeviceId(0)));
  EXPECT_FALSE(pooled.is_pool(DeviceId(1)));
  EXPECT_EQ(pooled.device_name(DeviceId(0)), "cpu");
  EXPECT_EQ(pooled.device_name(DeviceId(2)), "gpu1");
  EXPECT_EQ(pooled.find_device("cpu"), DeviceId(0));
  EXPECT_EQ(pooled.find_device("cpu0"), std::nullopt);
  EXPECT_EQ(problem.memory(ClassId(0)), Bytes(50));
  question.pins = {{"embed", "cpu1"}};
  const auto rejected =
      Problem::create(Chain{}.graph(), Machine::create({cpu, gpu}).value(), question);
  ASSERT_FALSE(rejected);
  EXPECT_NE(rejected.error().message.find("it has cpu, gpu (gpu0 to gpu1)"), std::string::npos);
}

TEST(Latency, LimitsTheCallsOfAnAccelerator) {
  EXPECT_EQ(ask({}, machine(), latency()).slots(), 1u);
  EXPECT_EQ(ask({}, machine(), latency(PlacementRule::slots, 2)).slots(), 2u);
  EXPECT_EQ(ask({}, machine(), latency(PlacementRule::slots, 1000)).slots(), 3u);
  EXPECT_EQ(ask({}, machine(), latency(PlacementRule::any)).slots(), 3u);
}

TEST(Latency, HasNoSchedule) {
  Chain training;
  training.phase = Phase::backward;
  EXPECT_EQ(ask(training, machine(), latency()).schedule(), Schedule::inference);
  Question question = latency();
  question.schedule = Schedule::gpipe;
  expect_rejected({}, machine(), question, "schedule 'gpipe' is for a stream of samples");
}

TEST(Latency, RejectsNumbersThatMeanNothing) {
  expect_rejected({}, machine(), latency(PlacementRule::slots, 0), "at least 1 is needed");
  Question question = latency();
  question.workers = 0;
  expect_rejected({}, machine(), question, "a pool of 0 workers does nothing");
  question = {};
  question.workers = 2;
  expect_rejected({}, machine(), question, "workers are for objective 'latency'");
  question = {};
  question.placement = PlacementRule::slots;
  expect_rejected({}, machine(), question, "placement 'slots' is for objective 'latency'");
}

}  // namespace
}  // namespace cleave::model
