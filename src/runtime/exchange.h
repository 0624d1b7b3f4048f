#pragma once

#include <mpi.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/pipeline.h"
#include "cleave/runtime/session.h"

namespace cleave::runtime {

/// Moves the tensors of one stage, from and to the processes of the other stages. Never waits. All
/// calls come from the thread that started MPI.
class Exchange {
 public:
  /// Error: bad_input, for a tensor that is too large for one message.
  [[nodiscard]] static base::Result<Exchange> create(const model::Pipeline& pipeline,
                                                     std::size_t stage);

  /// Starts to receive the next sample's tensors. REQUIRES: the last one was taken.
  [[nodiscard]] base::Status start_receiving();
  /// The sample's tensors, in the order of the stage's inputs that come from other stages, when all
  /// have arrived; once.
  [[nodiscard]] base::Result<std::optional<std::vector<Tensor>>> try_take();
  /// Starts to send a sample's outputs, in the order of the stage's. REQUIRES: has_sent().
  [[nodiscard]] base::Status start_sending(std::vector<Tensor> outputs);
  /// Whether all that was given to start_sending() has been received.
  [[nodiscard]] base::Result<bool> has_sent();

  /// The stages that this one still waits for, such as "'x' of stage 0"; for messages.
  [[nodiscard]] std::string missing() const;

 private:
  struct Arrival {
    std::size_t source;
    int tag;
    Tensor empty;  // with no data yet
  };
  struct Departure {
    int destination;
    int tag;
    std::size_t output;
  };

  std::vector<Arrival> arrivals_;
  std::vector<Departure> departures_;
  std::vector<Tensor> receiving_, sending_;
  std::vector<MPI_Request> receives_, sends_;
};

/// Whether an MPI call succeeded. Error: internal, with MPI's own sentence.
[[nodiscard]] base::Status check_mpi(int code);

}  // namespace cleave::runtime
