#pragma once

#include <optional>
#include <span>
#include <string>

#include "cleave/io/io.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"
#include "cleave/report/text.h"
#include "cleave/simulate/simulate.h"

namespace cleave::report {

/// What a page shows, all of it finished elsewhere. What is pointed to must outlive the call.
struct Page {
  const model::Problem& problem;
  const model::Plan& plan;
  const simulate::Timeline* timeline = nullptr;  ///< of `plan`; nullptr: none, as the note says
  std::string timeline_note{};
  std::span<const Rival> rivals{};  ///< what others would do, in the order of the table
  const Rival* simple = nullptr;    ///< what the answer is held against in its sentence
  const io::Provenance& provenance;
  std::string command{};  ///< that makes the plan again, for a shell; may be empty
};

inline constexpr std::size_t kMostSlices = 40'000;

/// One HTML file that needs nothing beside it and asks nothing of any network: open it in a browser
/// (docs/report.md). It shows the plan, and works out nothing about it but how to draw it.
///
/// Names are untrusted: whatever bytes they hold, the page shows them as text. Where they are not
/// UTF-8, U+FFFD stands for what is not.
///
/// Of a long timeline the page shows the first kMostSlices activities. Equal arguments give equal
/// bytes. O(operators + edges + slices) in time and memory. Thread-safe.
[[nodiscard]] std::string html(const Page& page);

}  // namespace cleave::report
