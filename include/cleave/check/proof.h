#pragma once

#include <cstdint>
#include <string>

#include "cleave/model/problem.h"
#include "cleave/model/proof.h"

namespace cleave::check {

/// What became of a proof.
struct ProofVerdict {
  enum class Outcome {
    proved,     ///< every claim was derived: no placement has an objective below the bound
    refuted,    ///< some claim does not follow
    unchecked,  ///< some claim may be true: deriving it took more than the effort
  };
  Outcome outcome = Outcome::refuted;
  /// How it was derived, or the first claim that was not, and where: one sentence, without an end.
  std::string sentence;
  std::uint64_t effort = 0;  ///< spent: labels, states and placements
};

/// Labels that the largest published proofs take, many times over: minutes.
inline constexpr std::uint64_t kProofEffort = std::uint64_t{1} << 34;

/// Derives a lower bound anew from what a proof says of it, in integers. Believes nothing: any
/// `proof` may come in, from whomever, and "proved" is true whatever is in it. Shares no code with
/// what finds bounds (cleave::bounds, cleave::throughput). docs/algorithms/any.md has the argument.
///
/// A bound for placements without contiguity holds for contiguous ones as well. Refuted: proofs for
/// the latency objective, and where stages have choices. Ends when `max_effort` is spent. About
/// O(steps · groups · labels · log labels). Thread-safe.
[[nodiscard]] ProofVerdict check_proof(const model::Problem& problem, const model::Proof& proof,
                                       std::uint64_t max_effort = kProofEffort);

}  // namespace cleave::check
