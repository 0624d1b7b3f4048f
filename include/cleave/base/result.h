#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace cleave::base {

enum class ErrorCode {
  bad_input,   ///< what the user gave is wrong: file, option, value
  not_found,   ///< a file that does not exist or cannot be read
  infeasible,  ///< proven: no placement exists (the message says what is short, and by how much)
  limit,       ///< a limit (time, memory, cancellation) was reached before there was an answer
  internal,    ///< our own invariant is broken
};

/// One sentence for a person: what is wrong, and where.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;  ///< what is wrong and what to do, with the offending value
  std::string place;    ///< file, JSON pointer, line, operator name; may be empty

  /// "place: message", or the message alone where there is no place.
  [[nodiscard]] std::string to_string() const {
    return place.empty() ? message : place + ": " + message;
  }
};

[[nodiscard]] inline Error bad_input(std::string message, std::string place = {}) {
  return Error{ErrorCode::bad_input, std::move(message), std::move(place)};
}

/// A value or an Error. Access to the one that is absent is a broken invariant (assert).
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] const T& value() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T&& value() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  [[nodiscard]] const Error& error() const& {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  [[nodiscard]] Error&& error() && {
    assert(!ok());
    return std::move(*std::get_if<1>(&state_));
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }

 private:
  std::variant<T, Error> state_;
};

/// Success, or an Error.
using Status = Result<std::monostate>;

}  // namespace cleave::base
