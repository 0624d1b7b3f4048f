#include <fmt/format.h>

#include <array>
#include <string>

#include "cleave/workload/workload.h"
#include "workload/families.h"

namespace cleave::workload {

namespace {

struct Entry {
  std::string_view name;
  std::string_view summary;
  std::span<const Parameter> (*parameters)();
  base::Result<model::Graph> (*build)(const Values& values, bool training);
};

constexpr std::array kEntries{
    Entry{"bert", "BERT encoder by operators, attention and feed-forward", bert_parameters,
          build_bert},
    Entry{"resnet50", "ResNet-50 by operators", resnet50_parameters, build_resnet50},
    Entry{"inception", "blocks of parallel branches joined by concatenations", inception_parameters,
          build_inception},
    Entry{"gnmt", "unrolled LSTM encoder and decoder with attention", gnmt_parameters, build_gnmt},
    Entry{"moe", "transformer whose layers are mixtures of experts", moe_parameters, build_moe},
    Entry{"chain", "one operator after another, for scaling", chain_parameters, build_chain},
    Entry{"random", "random graph of bounded reach, for scaling", random_parameters, build_random},
};

std::string list_families() {
  std::string text;
  for (const Entry& e : kEntries) text += (text.empty() ? "" : ", ") + std::string(e.name);
  return text;
}

}  // namespace

std::span<const Family> families() {
  static const auto kFamilies = [] {
    std::array<Family, kEntries.size()> all;
    for (std::size_t i = 0; i < kEntries.size(); ++i) {
      all[i] = {kEntries[i].name, kEntries[i].summary, kEntries[i].parameters()};
    }
    return all;
  }();
  return kFamilies;
}

base::Result<model::Graph> generate(std::string_view family, const std::vector<Setting>& settings,
                                    bool training) {
  for (const Entry& entry : kEntries) {
    if (entry.name != family) continue;
    auto values =
        Values::create(fmt::format("workload {}", entry.name), entry.parameters(), settings);
    if (!values) return values.error();
    return entry.build(*values, training);
  }
  return base::bad_input(
      fmt::format("there is no workload '{}'; there are {}", family, list_families()));
}

}  // namespace cleave::workload
