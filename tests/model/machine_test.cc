#include "cleave/model/machine.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace cleave::model {
namespace {

using base::ClassId;
using base::DeviceId;

DeviceClass devices(std::string name, int count) {
  DeviceClass c;
  c.name = std::move(name);
  c.count = count;
  return c;
}

void expect_rejected(std::vector<DeviceClass> classes, const std::string& message) {
  const auto machine = Machine::create(std::move(classes));
  ASSERT_FALSE(machine.ok());
  EXPECT_EQ(machine.error().code, base::ErrorCode::bad_input);
  EXPECT_NE(machine.error().message.find(message), std::string::npos) << machine.error().message;
}

TEST(Machine, NumbersDevicesClassByClass) {
  const auto machine = Machine::create({devices("gpu", 2), devices("cpu", 1)});
  ASSERT_TRUE(machine.ok());
  EXPECT_EQ(machine->num_devices(), 3U);
  EXPECT_EQ(machine->num_classes(), 2U);
  EXPECT_EQ(machine->class_of(DeviceId(1)), ClassId(0));
  EXPECT_EQ(machine->class_of(DeviceId(2)), ClassId(1));
  EXPECT_EQ(machine->first_device(ClassId(1)), DeviceId(2));
  EXPECT_EQ(machine->device_name(DeviceId(1)), "gpu1");
  EXPECT_EQ(machine->device_name(DeviceId(2)), "cpu0");
}

TEST(Machine, FindsWhatItNames) {
  const auto machine = Machine::create({devices("gpu", 12), devices("gpu-x", 1)});
  ASSERT_TRUE(machine.ok());
  for (std::size_t d = 0; d < machine->num_devices(); ++d) {
    EXPECT_EQ(machine->find_device(machine->device_name(DeviceId(d))), DeviceId(d));
  }
  EXPECT_EQ(machine->find_class("gpu"), ClassId(0));
  EXPECT_EQ(machine->find_class("gpu0"), std::nullopt);
}

TEST(Machine, FindsNothingElse) {
  const auto machine = Machine::create({devices("gpu", 2)});
  ASSERT_TRUE(machine.ok());
  for (const char* name : {"gpu", "gpu2", "cpu0", "", "0", "gpu-1", "gpu 1", "gpu00", "gpu01",
                           "gpu99999999999999999999"}) {
    EXPECT_EQ(machine->find_device(name), std::nullopt) << name;
  }
}

TEST(Machine, TakesTimesFromTheColumnOfItsNameUnlessTold) {
  auto other = devices("fast", 1);
  other.times = "gpu";
  const auto machine = Machine::create({devices("gpu", 1), other});
  ASSERT_TRUE(machine.ok());
  EXPECT_EQ(machine->device_class(ClassId(0)).times, "gpu");
  EXPECT_EQ(machine->device_class(ClassId(1)).times, "gpu");
}

TEST(Machine, RejectsNoDevicesAndTooMany) {
  expect_rejected({}, "the machine has no devices");
  expect_rejected({devices("gpu", 0)}, "device class 'gpu' has count 0");
  expect_rejected({devices("gpu", -1)}, "device class 'gpu' has count -1");
  expect_rejected({devices("gpu", Machine::kMaxDevices), devices("cpu", 1)},
                  "more than 65536 devices");
  expect_rejected({devices("gpu", std::numeric_limits<int>::max())}, "more than 65536 devices");
  EXPECT_TRUE(Machine::create({devices("gpu", Machine::kMaxDevices)}).ok());
}

TEST(Machine, RejectsNamesThatCannotTellDevicesApart) {
  expect_rejected({devices("", 1)}, "empty name");
  expect_rejected({devices("gpu", 1), devices("gpu", 1)}, "device class 'gpu' is named twice");
  expect_rejected({devices("gpu1", 1)}, "device class 'gpu1' ends in a digit");
}

TEST(Machine, RejectsImpossibleMemoryAndLinks) {
  auto memory = devices("gpu", 1);
  memory.memory = base::Bytes(-1);
  expect_rejected({memory}, "device class 'gpu' has negative memory");
  auto bandwidth = devices("gpu", 1);
  bandwidth.link = Link{0, base::Duration(0)};
  expect_rejected({bandwidth}, "positive bandwidth");
  auto latency = devices("gpu", 1);
  latency.link = Link{1, base::Duration(-1)};
  expect_rejected({latency}, "latency of at least 0");
}

TEST(Machine, SharesCoresAmongDevices) {
  DeviceClass c = devices("core", 2);
  c.cores = {4, 5, 0, 1};
  const auto machine = Machine::create({devices("gpu", 1), c});
  ASSERT_TRUE(machine.ok());
  const auto cores = [&](int device) {
    const auto span = machine->cores(DeviceId(device));
    return std::vector<int>(span.begin(), span.end());
  };
  EXPECT_EQ(cores(0), std::vector<int>{});
  EXPECT_EQ(cores(1), (std::vector<int>{4, 5}));
  EXPECT_EQ(cores(2), (std::vector<int>{0, 1}));
}

TEST(Machine, RejectsCoresThatCannotBeShared) {
  DeviceClass c = devices("core", 2);
  c.cores = {0, 1, 2};
  expect_rejected({c}, "has 3 cores for 2 devices");
  c.cores = {3, 3};
  expect_rejected({c}, "has core 3 twice");
  c.cores = {0, -1};
  expect_rejected({c}, "has core -1; the first is 0");
}

}  // namespace
}  // namespace cleave::model
