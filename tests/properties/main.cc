#include <gtest/gtest.h>

#include <cstdio>

#include "properties/settings.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (const auto fault = cleave::properties::read_settings(argc, argv)) {
    std::fprintf(stderr, "%s\n", fault->c_str());
    return 2;
  }
  return RUN_ALL_TESTS();
}
