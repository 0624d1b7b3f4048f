#include "cleave/bounds/profile.h"

#include <algorithm>
#include <limits>

namespace cleave::bounds {
namespace {

__extension__ using Wide = __int128;

constexpr Amount kNever = std::numeric_limits<Amount>::max() / 2;

}  // namespace

Profile::Profile(BoundaryCuts& cuts, std::size_t num_ranges, const std::vector<Amount>& spreads)
    : cuts_(cuts), total_(cuts.total_work()) {
  Amount low = 0;
  for (std::size_t i = 0; i < num_ranges && low <= total_; ++i) {
    const auto high = static_cast<Amount>(Wide(total_) * static_cast<Amount>(i + 1) /
                                          static_cast<Amount>(num_ranges));
    if (high < low) continue;
    ranges_.push_back(Range{low, high, true});
    low = high + 1;
  }
  for (const Amount spread : spreads) {
    const std::vector<Amount> trivial(ranges_.size(), 0);
    tiers_.push_back(Tier{spread, trivial, trivial});
  }
}

void Profile::compute(const base::Deadline& deadline, std::vector<Word>* found) {
  using Side = BoundaryCuts::Side;
  for (Tier& tier : tiers_) {
    for (std::size_t i = 0; i < ranges_.size(); ++i) {
      if (deadline.reached()) return;
      Range& range = ranges_[i];
      if (!range.possible) continue;
      const auto after = cuts_.least_cut(range.low, range.high, Side::after, tier.spread, found);
      range.possible = after.possible;
      if (!after.possible) continue;
      tier.after[i] = after.cut;
      tier.before[i] = cuts_.least_cut(range.low, range.high, Side::before, tier.spread, found).cut;
    }
  }
}

Completion::Completion(const Profile& profile, Amount threshold, const Profile::Machine& machine)
    : num_ranges_(profile.ranges().size()), num_others_(machine.others.size()) {
  const std::vector<Profile::Range>& ranges = profile.ranges();
  const Amount total = profile.total_work();
  for (const Profile::Range& range : ranges) highs_.push_back(range.high);
  least_.assign((machine.references + 1) * num_others_ * num_ranges_, kNever);

  // The least work from which a stage leads to some range with what `next` asks there, or to the
  // end. `most(j)` is the most work of the stage if it ends in range j.
  const auto least_from = [&](std::size_t first, Amount furthest, const Amount* next,
                              const auto& most) {
    Amount least = total - most(num_ranges_);
    for (std::size_t j = first; j < num_ranges_ && ranges[j].low <= furthest; ++j) {
      if (next[j] != kNever) least = std::min(least, next[j] - most(j));
    }
    return least;
  };
  // By a reference device or by some of the others, with r and c left before that.
  const auto least_of_any = [&](std::size_t i, std::uint32_t r, std::size_t c) {
    const std::size_t first = i == Profile::kStart ? 0 : i;
    const Amount high = i == Profile::kStart ? 0 : ranges[i].high;
    Amount least = kNever;
    if (r > 0) {
      const Amount furthest = high + profile.most_work(i, num_ranges_, threshold);
      least = least_from(first, furthest, row(r - 1, c),
                         [&](std::size_t j) { return profile.most_work(i, j, threshold); });
    }
    for (std::size_t used = 1; used <= c; ++used) {
      const Amount most = machine.others[used];
      least = std::min(least, least_from(first, high + most, row(r, c - used),
                                         [&](std::size_t) { return most; }));
    }
    return least;
  };
  for (std::uint32_t r = 0; r <= machine.references; ++r) {
    for (std::size_t c = 0; c < num_others_; ++c) {
      for (std::size_t i = 0; i < num_ranges_; ++i) {
        if (!ranges[i].possible) continue;
        Amount least = least_of_any(i, r, c);
        if (r > 0) least = std::min(least, row(r - 1, c)[i]);  // a device may stay empty
        if (least <= ranges[i].high) row(r, c)[i] = std::max(least, ranges[i].low);
      }
    }
  }
  Amount least = total > 0 ? kNever : 0;
  for (std::uint32_t r = 0; r <= machine.references; ++r) {
    for (std::size_t c = 0; c < num_others_; ++c) {
      least = std::min(least, least_of_any(Profile::kStart, r, c));
    }
  }
  refuted_ = least > 0;
}

bool Completion::possible(std::uint32_t references, std::size_t others, Amount work) const {
  const auto range = static_cast<std::size_t>(std::lower_bound(highs_.begin(), highs_.end(), work) -
                                              highs_.begin());
  return row(references, others)[range] <= work;
}

}  // namespace cleave::bounds
