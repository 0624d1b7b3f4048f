#include <fmt/format.h>
#include <mpi.h>
#include <sched.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "cleave/runtime/stage.h"

namespace cleave::runtime {
namespace {

// Open MPI's own word for it first, then that of the launchers that others use.
constexpr const char* kCounts[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
constexpr const char* kRanks[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK"};

// The first of the variables that is a number of at least 0; else −1.
int number_of(std::span<const char* const> variables) {
  for (const char* variable : variables) {
    const char* text = std::getenv(variable);
    if (text == nullptr) continue;
    int number = -1;
    const auto parsed = std::from_chars(text, text + std::strlen(text), number);
    if (parsed.ec == std::errc() && *parsed.ptr == '\0' && number >= 0) return number;
  }
  return -1;
}

}  // namespace

bool Processes::launched() { return announced_count() > 0 && announced_rank() >= 0; }
int Processes::announced_count() { return number_of(kCounts); }
int Processes::announced_rank() { return number_of(kRanks); }

base::Result<Processes> Processes::join() {
  int provided = 0;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
      provided < MPI_THREAD_FUNNELED) {
    return base::Error{base::ErrorCode::internal, "MPI cannot be started", {}};
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  int rank = 0;
  int count = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  return Processes(rank, count);
}

Processes::Processes(Processes&& other) noexcept
    : rank_(other.rank_), count_(other.count_), owns_(std::exchange(other.owns_, false)) {}

Processes::~Processes() {
  if (owns_) MPI_Finalize();
}

base::Status bind_to_cores(std::span<const int> cores) {
  if (cores.empty()) return std::monostate{};
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) {
    if (core < 0 || core >= CPU_SETSIZE) {
      return base::bad_input(fmt::format("there is no processor core {}", core));
    }
    CPU_SET(static_cast<std::size_t>(core), &set);
  }
  if (sched_setaffinity(0, sizeof(set), &set) == 0) {
    cpu_set_t got;
    CPU_ZERO(&got);
    if (sched_getaffinity(0, sizeof(got), &got) == 0 && CPU_EQUAL(&got, &set)) {
      return std::monostate{};
    }
  }
  return base::bad_input(
      fmt::format("this process cannot be bound to the processor cores {}; name cores that this "
                  "machine has in the devices file",
                  fmt::join(cores, ", ")));
}

}  // namespace cleave::runtime
