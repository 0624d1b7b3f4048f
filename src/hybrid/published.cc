#include "cleave/hybrid/published.h"

#include <array>
#include <cassert>

namespace cleave::hybrid {

namespace {

constexpr std::int64_t kGiga = 1'000'000'000;

constexpr Transformer kGpt22{32, 2304, 32, 50257, 512};
constexpr Transformer kGpt38{32, 3072, 32, 50257, 512};
constexpr Transformer kBert22{32, 2304, 32, 30522, 512};
constexpr Transformer kBert38{32, 3072, 32, 30522, 512};
constexpr auto kNone = std::nullopt;

// Readings: inter-layer, tensor parallel, gpipe, flush, 2bw.
constexpr std::array kSettings{
    Setting{"GPT 2.2B", kGpt22, 8, 8, 64, {7, 25, 18, 26, 43}, {8.6, 7.4, kNone, 10.1, 11.3}},
    Setting{"GPT 2.2B", kGpt22, 8, 8, 256, {7, 26, 18, 38, 44}, {8.5, 7.4, kNone, 10.1, 11.3}},
    Setting{"GPT 2.2B", kGpt22, 64, 8, 512, {11, 88, 80, 110, 160}, {}},
    Setting{"GPT 2.2B", kGpt22, 64, 8, 2048, {12, 155, 80, 145, 168}, {}},
    Setting{"GPT 3.8B", kGpt38, 64, 16, 512, {10, 8, 38, 75, 127}, {}},
    Setting{"GPT 3.8B", kGpt38, 64, 16, 2048, {12, 8, 38, 115, 135}, {}},
    Setting{"BERT 2.2B", kBert22, 8, 8, 64, {}, {8.2, 7.3, 13.3, 9.0, 10.5}},
    Setting{"BERT 2.2B", kBert22, 8, 8, 256, {}, {8.2, 7.3, kNone, 9.2, 10.6}},
    Setting{"BERT 2.2B", kBert22, 64, 8, 512, {}, {}},
    Setting{"BERT 2.2B", kBert22, 64, 8, 2048, {}, {}},
    Setting{"BERT 3.8B", kBert38, 64, 16, 512, {}, {}},
    Setting{"BERT 3.8B", kBert38, 64, 16, 2048, {}, {}},
};

}  // namespace

std::optional<double> Readings::of(Method method) const {
  switch (method) {
    case Method::data_parallel:
      return std::nullopt;
    case Method::inter_layer:
      return inter_layer;
    case Method::tensor_parallel:
      return tensor_parallel;
    case Method::gpipe:
      return gpipe;
    case Method::flush:
      return flush;
    case Method::two_bw:
      return two_bw;
  }
  return std::nullopt;
}

std::span<const Setting> published() { return kSettings; }

Cluster published_cluster(std::int64_t devices) {
  return {devices,
          8,
          base::Bytes(16 * kGiga),
          {50 * kGiga, base::Duration(0)},
          {25 * kGiga / 8, base::Duration(0)}};
}

Speed published_speed() { return {125'000 * kGiga * 30 / 100, base::Duration(5'000'000)}; }

std::vector<BlockModel> published_models(const Setting& setting,
                                         std::optional<std::int64_t> samples) {
  std::vector<std::int64_t> sizes{1, 2, 4, 8, 16};
  if (samples) sizes = {*samples};
  std::vector<BlockModel> models;
  for (const std::int64_t size : sizes) {
    auto model = describe(setting.transformer, published_speed(), size);
    assert(model.ok());
    models.push_back(std::move(model).value());
  }
  return models;
}

Request published_request(const Setting& setting) {
  return {setting.batch, setting.devices / setting.depth, setting.depth, true};
}

}  // namespace cleave::hybrid
