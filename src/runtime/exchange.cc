#include "runtime/exchange.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

namespace cleave::runtime {

base::Status check_mpi(int code) {
  if (code == MPI_SUCCESS) return std::monostate{};
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  return base::Error{
      base::ErrorCode::internal,
      fmt::format("MPI: {}", std::string_view(text.data(), static_cast<std::size_t>(length))),
      {}};
}

base::Result<Exchange> Exchange::create(const model::Pipeline& pipeline, std::size_t stage) {
  Exchange exchange;
  // A message's tag is the position of the tensor among its receiver's inputs.
  const auto& own = pipeline.stages[stage];
  for (std::size_t i = 0; i < own.inputs.size(); ++i) {
    const auto& input = own.inputs[i];
    if (!input.source) continue;
    Tensor empty{input.name, input.type, input.shape, {}};
    if (size_of(input.type, input.shape) > std::size_t{std::numeric_limits<int>::max()}) {
      return base::bad_input(
          fmt::format("tensor '{}' is larger than 2 GiB, which is more than one message can carry",
                      input.name));
    }
    exchange.arrivals_.push_back({*input.source, static_cast<int>(i), std::move(empty)});
  }
  for (std::size_t later = stage + 1; later < pipeline.stages.size(); ++later) {
    const auto& inputs = pipeline.stages[later].inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].source != stage) continue;
      for (std::size_t o = 0; o < own.outputs.size(); ++o) {
        if (own.outputs[o].name != inputs[i].name) continue;
        exchange.departures_.push_back({static_cast<int>(later), static_cast<int>(i), o});
      }
    }
  }
  return exchange;
}

base::Status Exchange::start_receiving() {
  receiving_.clear();
  receives_.assign(arrivals_.size(), MPI_REQUEST_NULL);
  for (std::size_t i = 0; i < arrivals_.size(); ++i) {
    const Arrival& arrival = arrivals_[i];
    Tensor& tensor = receiving_.emplace_back(arrival.empty);
    tensor.data.resize(size_of(tensor.type, tensor.shape));
    auto started = check_mpi(MPI_Irecv(tensor.data.data(), static_cast<int>(tensor.data.size()),
                                       MPI_BYTE, static_cast<int>(arrival.source), arrival.tag,
                                       MPI_COMM_WORLD, &receives_[i]));
    if (!started) return started;
  }
  return std::monostate{};
}

base::Result<std::optional<std::vector<Tensor>>> Exchange::try_take() {
  int all = 0;
  auto tested = check_mpi(
      MPI_Testall(static_cast<int>(receives_.size()), receives_.data(), &all, MPI_STATUSES_IGNORE));
  if (!tested) return tested.error();
  if (all == 0) return std::optional<std::vector<Tensor>>();
  return std::optional(std::move(receiving_));
}

base::Status Exchange::start_sending(std::vector<Tensor> outputs) {
  sending_ = std::move(outputs);
  sends_.assign(departures_.size(), MPI_REQUEST_NULL);
  for (std::size_t i = 0; i < departures_.size(); ++i) {
    const Departure& departure = departures_[i];
    const Tensor& tensor = sending_[departure.output];
    // Synchronous: done only when the receiver has begun to take it, so that what is on its way is
    // bounded however small the messages are.
    auto started =
        check_mpi(MPI_Issend(tensor.data.data(), static_cast<int>(tensor.data.size()), MPI_BYTE,
                             departure.destination, departure.tag, MPI_COMM_WORLD, &sends_[i]));
    if (!started) return started;
  }
  return std::monostate{};
}

base::Result<bool> Exchange::has_sent() {
  int all = 0;
  auto tested = check_mpi(
      MPI_Testall(static_cast<int>(sends_.size()), sends_.data(), &all, MPI_STATUSES_IGNORE));
  if (!tested) return tested.error();
  return all != 0;
}

std::string Exchange::missing() const {
  for (std::size_t i = 0; i < receives_.size(); ++i) {
    if (receives_[i] == MPI_REQUEST_NULL) continue;
    return fmt::format("'{}' of stage {}", arrivals_[i].empty.name, arrivals_[i].source);
  }
  for (std::size_t i = 0; i < sends_.size(); ++i) {
    if (sends_[i] == MPI_REQUEST_NULL) continue;
    return fmt::format("stage {} to take a tensor", departures_[i].destination);
  }
  return "nothing";
}

}  // namespace cleave::runtime
