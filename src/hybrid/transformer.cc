#include <fmt/format.h>

#include <limits>

#include "cleave/hybrid/model.h"

namespace cleave::hybrid {

namespace {

__extension__ using Wide = __int128;

constexpr int kWeightBytes = 2;
constexpr int kStateBytes = 18;
constexpr int kBlockOperators = 14;
constexpr int kFirstOperators = 4;
constexpr int kLastOperators = 2;

// Sums and products that remember whether they left the range.
class Sizes {
 public:
  Sizes(const Transformer& t, const Speed& speed, std::int64_t samples)
      : s_(t.sequence), h_(t.hidden), a_(t.heads), v_(t.vocabulary), b_(samples), speed_(speed) {}

  Piece block() {
    const Wide operations = 24 * b_ * s_ * h_ * h_ + 4 * b_ * s_ * s_ * h_;
    const Wide stash = 32 * s_ * b_ * h_ + 5 * a_ * s_ * s_ * b_;
    return piece(operations, kBlockOperators, block_parameters(), stash);
  }
  Piece first() { return piece(0, kFirstOperators, (v_ + s_) * h_, 0); }
  Piece last() {
    return piece(2 * b_ * s_ * h_ * v_, kLastOperators, tied_parameters(), 4 * s_ * b_ * (h_ + v_));
  }
  base::Bytes border() { return bytes(2 * s_ * b_ * h_); }
  base::Bytes tied(int bytes_each) { return bytes(bytes_each * tied_parameters()); }
  TensorSplit tensor() {
    return {static_cast<std::int64_t>(a_), bytes(8 * s_ * b_ * h_), launches(kBlockOperators)};
  }

  [[nodiscard]] Wide parameters(std::int64_t layers) const {
    return layers * block_parameters() + (v_ + s_) * h_;
  }
  [[nodiscard]] bool overflowed() const { return overflowed_; }

 private:
  [[nodiscard]] Wide block_parameters() const { return 12 * h_ * h_ + 13 * h_; }
  [[nodiscard]] Wide tied_parameters() const { return v_ * h_; }

  std::int64_t whole(Wide value, std::int64_t most) {
    overflowed_ = overflowed_ || value > most;
    return overflowed_ ? 0 : static_cast<std::int64_t>(value);
  }
  base::Bytes bytes(Wide count) { return base::Bytes(whole(count, base::Bytes::max().count())); }
  base::Duration duration(Wide picoseconds) {
    return base::Duration(whole(picoseconds, base::kMaxDuration.count()));
  }
  base::Duration launches(int operators) {
    return duration(Wide{speed_.launch.count()} * operators);
  }

  Piece piece(Wide operations, int operators, Wide parameters, Wide stash) {
    constexpr Wide kPicoseconds = 1'000'000'000'000;
    const base::Duration forward =
        launches(operators) + duration(operations * kPicoseconds / speed_.operations_per_second);
    return {forward, 2 * forward, bytes(kWeightBytes * parameters), bytes(kStateBytes * parameters),
            bytes(stash)};
  }

  Wide s_, h_, a_, v_, b_;
  Speed speed_;
  bool overflowed_ = false;
};

// Far above any model, and small enough for the products of block().
constexpr std::int64_t kMost = 1'000'000;

base::Status check_sizes(const Transformer& t, std::int64_t samples) {
  struct Size {
    const char* name;
    std::int64_t value;
  };
  for (const Size& size : {Size{"layers", t.layers}, Size{"hidden", t.hidden},
                           Size{"heads", t.heads}, Size{"vocabulary", t.vocabulary},
                           Size{"sequence", t.sequence}, Size{"micro-batch", samples}}) {
    if (size.value < 1 || size.value > kMost) {
      return base::bad_input(fmt::format("the transformer's size '{}' is {}; it is 1 to {}",
                                         size.name, size.value, kMost));
    }
  }
  if (t.hidden % t.heads != 0) {
    return base::bad_input(
        fmt::format("a hidden size of {} cannot be split over {} heads", t.hidden, t.heads));
  }
  return std::monostate{};
}

}  // namespace

Piece& Piece::operator+=(const Piece& other) {
  forward += other.forward;
  backward += other.backward;
  weights += other.weights;
  state += other.state;
  stash += other.stash;
  return *this;
}

base::Result<BlockModel> describe(const Transformer& transformer, const Speed& speed,
                                  std::int64_t samples) {
  if (auto valid = check_sizes(transformer, samples); !valid) return valid.error();
  Sizes sizes(transformer, speed, samples);
  BlockModel model;
  model.samples = samples;
  model.blocks.assign(static_cast<std::size_t>(transformer.layers), sizes.block());
  model.first = sizes.first();
  model.last = sizes.last();
  model.border = sizes.border();
  model.tied_weights = sizes.tied(kWeightBytes);
  model.tied_state = sizes.tied(kStateBytes);
  model.tensor = sizes.tensor();
  const Piece& block = model.blocks.front();
  const Wide time = Wide{transformer.layers} * (block.forward + block.backward).count();
  const Wide bytes = sizes.parameters(transformer.layers) * (kWeightBytes + kStateBytes) +
                     Wide{transformer.layers} * block.stash.count();
  if (sizes.overflowed() || time > base::kMaxDuration.count() / 4 ||
      bytes > base::Bytes::max().count() / 4) {
    return base::bad_input("the transformer is too large: its times or sizes overflow");
  }
  return model;
}

std::int64_t count_parameters(const Transformer& transformer) {
  return static_cast<std::int64_t>(
      Sizes(transformer, Speed{1, base::Duration(0)}, 1).parameters(transformer.layers));
}

}  // namespace cleave::hybrid
