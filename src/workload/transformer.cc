// BERT (Devlin et al., 2019) and a mixture-of-experts transformer (after Shazeer et al., 2017, and
// Fedus et al., 2021): same attention, other feed-forward part.

#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "workload/families.h"
#include "workload/sketch.h"

namespace cleave::workload {

namespace {

using Value = Sketch::Value;

constexpr std::int64_t kVocabulary = 30522;
constexpr Parameter kHidden{"hidden", 1024, 1, 16384, "width of a token's state"};
constexpr Parameter kHeads{"heads", 16, 1, 128, "attention heads"};
constexpr Parameter kSequence{"sequence", 512, 1, 8192, "tokens in a sample"};

constexpr std::array kBertParameters{
    Parameter{"layers", 12, 1, 10000, "transformer layers, 14 operators each"},
    kHidden,
    kHeads,
    kSequence,
    kBatch,
    kLink,
    kSeed};
constexpr std::array kMoeParameters{
    Parameter{"layers", 12, 1, 1000, "transformer layers"},
    Parameter{"experts", 64, 1, 1024, "experts of a layer, in parallel"},
    Parameter{"chosen", 2, 1, 1024, "experts that a token visits"},
    kHidden,
    kHeads,
    kSequence,
    kBatch,
    kLink,
    kSeed};

class Transformer {
 public:
  Transformer(const Values& values, Sketch& sketch)
      : sketch_(sketch),
        hidden_(values["hidden"]),
        heads_(values["heads"]),
        sequence_(values["sequence"]),
        batch_(values["batch"]),
        tokens_(sequence_ * batch_) {}

  [[nodiscard]] std::int64_t state_bytes() const { return kNumber * tokens_ * hidden_; }

  // States of the tokens from a table, plus their positions, normalised. 4 operators.
  Value embed() {
    const Value tokens = lookup("embedding/tokens", kVocabulary);
    const Value positions = lookup("embedding/positions", sequence_);
    return add_and_norm("embedding", tokens, positions);
  }

  // 1 operator. Every layer's softmax reads it.
  Value mask() { return sketch_.add("mask", {0, 0, kNumber * batch_ * sequence_ * sequence_}, {}); }

  // y = softmax(x · W), 2 operators.
  Value head(Value x) {
    const Value logits = matmul("head/logits", x, hidden_, kVocabulary);
    return elementwise("head/softmax", 5, tokens_ * kVocabulary, {logits});
  }

  // Self-attention with its residual, normalised. 9 operators.
  Value attention(const std::string& layer, Value x, Value mask) {
    const std::int64_t scores = batch_ * heads_ * sequence_ * sequence_;
    const std::int64_t flops = 2 * tokens_ * sequence_ * hidden_;
    const Value query = matmul(layer + "/query", x, hidden_, hidden_);
    const Value key = matmul(layer + "/key", x, hidden_, hidden_);
    const Value value = matmul(layer + "/value", x, hidden_, hidden_);
    const Value score = sketch_.add(layer + "/scores", {flops, 0, kNumber * scores}, {query, key});
    const Value weight = elementwise(layer + "/softmax", 6, scores, {score, mask});
    const Value context =
        sketch_.add(layer + "/context", {flops, 0, state_bytes()}, {weight, value});
    const Value projected = matmul(layer + "/project", context, hidden_, hidden_);
    return add_and_norm(layer + "/attention", projected, x);
  }

  // Two matrices, four times as wide in between, with the residual, normalised. 5 operators.
  Value feed_forward(const std::string& layer, Value x) {
    const Value wide = matmul(layer + "/expand", x, hidden_, 4 * hidden_);
    const Value active = elementwise(layer + "/gelu", 8, 4 * tokens_ * hidden_, {wide});
    const Value narrow = matmul(layer + "/contract", active, 4 * hidden_, hidden_);
    return add_and_norm(layer + "/feed_forward", narrow, x);
  }

  // A router sends each token to `chosen` of the experts, each a feed-forward network, whose
  // results are combined. 5 + experts operators.
  Value mixture(const std::string& layer, Value x, std::int64_t experts, std::int64_t chosen) {
    const Value gate = matmul(layer + "/router", x, hidden_, experts);
    const Value dispatch =
        sketch_.add(layer + "/dispatch", {0, 0, chosen * state_bytes()}, {x, gate});
    const std::int64_t visits = tokens_ * chosen / experts + 1;
    const std::int64_t share = kNumber * visits * hidden_;
    const Work work{16 * visits * hidden_ * hidden_, kNumber * 8 * hidden_ * hidden_, share};
    std::vector<Value> results{gate};
    for (std::int64_t e = 0; e < experts; ++e) {
      const Value routed = sketch_.add_output(dispatch, share);
      results.push_back(sketch_.add(fmt::format("{}/expert{}", layer, e), work, {routed}));
    }
    const Value combined = sketch_.add(layer + "/combine",
                                       {2 * chosen * tokens_ * hidden_, 0, state_bytes()}, results);
    return add_and_norm(layer + "/mixture", combined, x);
  }

 private:
  Value lookup(const std::string& id, std::int64_t rows) {
    return sketch_.add(id, {0, 0, state_bytes(), kNumber * rows * hidden_}, {});
  }

  Value matmul(const std::string& id, Value x, std::int64_t in, std::int64_t out) {
    return sketch_.add(id, {2 * tokens_ * in * out, kNumber * in * out, kNumber * tokens_ * out},
                       {x});
  }

  Value elementwise(const std::string& id, std::int64_t flops_each, std::int64_t numbers,
                    const std::vector<Value>& inputs) {
    return sketch_.add(id, {flops_each * numbers, 0, kNumber * numbers}, inputs);
  }

  Value add_and_norm(const std::string& prefix, Value a, Value b) {
    const Value sum = elementwise(prefix + "/add", 1, tokens_ * hidden_, {a, b});
    return elementwise(prefix + "/norm", 7, tokens_ * hidden_, {sum});
  }

  Sketch& sketch_;
  std::int64_t hidden_, heads_, sequence_, batch_, tokens_;
};

Sketch start(const Values& values) {
  return Sketch(Sketch::gigabytes_per_second(values["link"]),
                static_cast<std::uint64_t>(values["seed"]));
}

}  // namespace

std::span<const Parameter> bert_parameters() { return kBertParameters; }
std::span<const Parameter> moe_parameters() { return kMoeParameters; }

base::Result<model::Graph> build_bert(const Values& values, bool training) {
  Sketch sketch = start(values);
  Transformer transformer(values, sketch);
  Value x = transformer.embed();
  const Value mask = transformer.mask();
  for (std::int64_t l = 0; l < values["layers"]; ++l) {
    const std::string layer = fmt::format("layer{}", l);
    x = transformer.feed_forward(layer, transformer.attention(layer, x, mask));
  }
  transformer.head(x);
  return std::move(sketch).finish(training);
}

base::Result<model::Graph> build_moe(const Values& values, bool training) {
  const std::int64_t experts = values["experts"];
  const std::int64_t chosen = values["chosen"];
  if (chosen > experts) {
    return base::bad_input(fmt::format(
        "parameter 'chosen' of workload moe is {}, more than its {} experts", chosen, experts));
  }
  Sketch sketch = start(values);
  Transformer transformer(values, sketch);
  Value x = transformer.embed();
  const Value mask = transformer.mask();
  for (std::int64_t l = 0; l < values["layers"]; ++l) {
    const std::string layer = fmt::format("layer{}", l);
    x = transformer.mixture(layer, transformer.attention(layer, x, mask), experts, chosen);
  }
  transformer.head(x);
  return std::move(sketch).finish(training);
}

}  // namespace cleave::workload
