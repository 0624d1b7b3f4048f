#include "support/shrink.h"

#include <chrono>
#include <utility>

#include "cleave/base/limits.h"

namespace cleave::support {

using base::Bytes;
using base::Duration;
using base::OperatorId;

namespace {

void remove_operator(Draft& draft, std::size_t removed) {
  const auto renumbered = [&](OperatorId op) {
    return op.index() > removed ? OperatorId(op.index() - 1) : op;
  };
  std::erase_if(draft.tensors, [&](const auto& x) { return x.producer.index() == removed; });
  for (model::TensorSpec& tensor : draft.tensors) {
    tensor.producer = renumbered(tensor.producer);
    std::erase_if(tensor.consumers, [&](OperatorId op) { return op.index() == removed; });
    for (OperatorId& consumer : tensor.consumers) consumer = renumbered(consumer);
  }
  draft.operators.erase(draft.operators.begin() + static_cast<std::ptrdiff_t>(removed));
}

class Shrinker {
 public:
  Shrinker(Draft draft, const Predicate& fails, const base::Limits& limits)
      : draft_(std::move(draft)), fails_(fails), deadline_(limits) {}

  Draft run() {
    do {
      changed_ = false;
      shrink_operators();
      shrink_tensors();
      shrink_classes();
      shrink_columns();
      shrink_question();
    } while (changed_);
    return std::move(draft_);
  }

 private:
  // Keeps what `change` does to the draft if it is still a problem that fails.
  template <class Change>
  bool attempt(Change&& change) {
    if (deadline_.reached()) return false;
    Draft candidate = draft_;
    change(candidate);
    const auto problem = build(candidate);
    if (!problem || !fails_(*problem)) return false;
    draft_ = std::move(candidate);
    changed_ = true;
    return true;
  }

  // Tries 0, then 1, then half of a number; `at` finds it in a draft.
  template <class Number, class At>
  void lower(At&& at) {
    const auto old = at(draft_).count();
    for (const auto value : {decltype(old){0}, decltype(old){1}, old / 2}) {
      if (value < old && attempt([&](Draft& draft) { at(draft) = Number(value); })) return;
    }
  }

  // Removes elements of a list, last first.
  template <class At>
  void remove_elements(At&& at) {
    for (std::size_t i = at(draft_).size(); i-- > 0;) {
      attempt([&](Draft& draft) {
        at(draft).erase(at(draft).begin() + static_cast<std::ptrdiff_t>(i));
      });
    }
  }

  template <class At>
  void reset(At&& at) {
    if (at(draft_)) attempt([&](Draft& draft) { at(draft).reset(); });
  }

  void shrink_operators() {
    for (std::size_t v = draft_.operators.size(); v-- > 0;) {
      attempt([&](Draft& draft) { remove_operator(draft, v); });
    }
    for (std::size_t v = 0; v < draft_.operators.size(); ++v) {
      const auto op = [v](Draft& draft) -> model::OperatorSpec& { return draft.operators[v]; };
      reset([&](Draft & draft) -> auto& { return op(draft).group; });
      if (!op(draft_).name.empty()) attempt([&](Draft& draft) { op(draft).name.clear(); });
      if (op(draft_).phase == model::Phase::backward) {
        attempt([&](Draft& draft) { op(draft).phase = model::Phase::forward; });
      }
      lower<Bytes>([&](Draft & draft) -> auto& { return op(draft).memory; });
      for (std::size_t c = 0; c < draft_.time_columns.size(); ++c) {
        if (op(draft_).times[c]) {
          lower<Duration>([&](Draft & draft) -> auto& { return *op(draft).times[c]; });
        } else {
          attempt([&](Draft& draft) { op(draft).times[c] = Duration(1); });
        }
      }
    }
  }

  void shrink_columns() {
    for (std::size_t c = draft_.time_columns.size(); c-- > 0;) {
      const auto at = static_cast<std::ptrdiff_t>(c);
      attempt([&](Draft& draft) {
        draft.time_columns.erase(draft.time_columns.begin() + at);
        for (model::OperatorSpec& op : draft.operators) op.times.erase(op.times.begin() + at);
      });
    }
  }

  void shrink_tensors() {
    remove_elements([](Draft & draft) -> auto& { return draft.tensors; });
    for (std::size_t x = 0; x < draft_.tensors.size(); ++x) {
      const auto tensor = [x](Draft& draft) -> model::TensorSpec& { return draft.tensors[x]; };
      remove_elements([&](Draft & draft) -> auto& { return tensor(draft).consumers; });
      reset([&](Draft & draft) -> auto& { return tensor(draft).bytes; });
      if (tensor(draft_).bytes) {
        lower<Bytes>([&](Draft & draft) -> auto& { return *tensor(draft).bytes; });
      }
      if (tensor(draft_).transfer) {
        lower<Duration>([&](Draft & draft) -> auto& { return *tensor(draft).transfer; });
      }
    }
  }

  void shrink_classes() {
    remove_elements([](Draft & draft) -> auto& { return draft.classes; });
    for (std::size_t c = 0; c < draft_.classes.size(); ++c) {
      const auto at = [c](Draft& draft) -> model::DeviceClass& { return draft.classes[c]; };
      while (at(draft_).count > 1 && attempt([&](Draft& draft) { --at(draft).count; })) {
      }
      reset([&](Draft & draft) -> auto& { return at(draft).memory; });
      if (at(draft_).memory) {
        lower<Bytes>([&](Draft & draft) -> auto& { return *at(draft).memory; });
      }
      reset([&](Draft & draft) -> auto& { return at(draft).link; });
      if (at(draft_).pays_transfers) {
        attempt([&](Draft& draft) { at(draft).pays_transfers = false; });
      }
    }
  }

  void shrink_question() {
    remove_elements([](Draft & draft) -> auto& { return draft.question.pins; });
    remove_elements([](Draft & draft) -> auto& { return draft.question.forbids; });
    reset([](Draft & draft) -> auto& { return draft.question.schedule; });
    if (draft_.question.transfers != model::Transfers::serial) {
      attempt([](Draft& draft) { draft.question.transfers = model::Transfers::serial; });
    }
  }

  Draft draft_;
  const Predicate& fails_;
  base::Deadline deadline_;
  bool changed_ = false;
};

}  // namespace

Draft shrink(Draft draft, const Predicate& fails) {
  base::Limits limits;
  limits.time = std::chrono::seconds(60);
  return Shrinker(std::move(draft), fails, limits).run();
}

}  // namespace cleave::support
