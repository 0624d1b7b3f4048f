#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "cleave/base/result.h"
#include "cleave/io/io.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"
#include "cleave/onnx/read.h"
#include "cleave/report/text.h"
#include "options.h"

namespace CLI {
class App;
}

namespace cleave::app {

/// What the program ends with.
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,      ///< internal, or a check failed
  kBadInput = 2,    ///< file, option or value
  kInfeasible = 3,  ///< proven: there is no placement
  kNothing = 4,     ///< a limit was reached without a placement
};

// One file a subcommand. Each adds itself to `app`; when it is the one that was called, parsing
// runs it and `exit_code` is what it ended with.
void add_plan(CLI::App& app, int& exit_code);
void add_check(CLI::App& app, int& exit_code);
void add_compare(CLI::App& app, int& exit_code);
void add_simulate(CLI::App& app, int& exit_code);
void add_report(CLI::App& app, int& exit_code);
void add_split(CLI::App& app, int& exit_code);
void add_schedules(CLI::App& app, int& exit_code);
void add_workload(CLI::App& app, int& exit_code);
#ifdef CLEAVE_RUNTIME
void add_profile(CLI::App& app, int& exit_code);
void add_run(CLI::App& app, int& exit_code);
#endif
void add_bench(CLI::App& app, int& exit_code);
void add_bench_2bw(CLI::App& bench, int& exit_code);

/// Prints the error on stderr as one sentence, "cleave: file: place: message".
[[nodiscard]] int fail(const base::Error& error);
/// The exit code that goes with a plan; prints the reason on stderr where there is no placement.
[[nodiscard]] int finish(const model::Plan& plan);
/// Colours where stdout is a terminal that has them and nobody said otherwise (NO_COLOR).
[[nodiscard]] report::Colours stdout_colours();
/// Writes to stdout. Error: internal, where it cannot be written.
[[nodiscard]] base::Status print(std::string_view text);

/// A problem and where it came from.
struct Task {
  model::Problem problem;
  io::GraphFile file;
};
/// Reads the files and builds the problem that is asked for. Of an ONNX model, operator times are
/// estimated for the machine; what had to be assumed is said on stderr.
[[nodiscard]] base::Result<Task> load_task(const std::filesystem::path& graph,
                                           const Request& request);
/// Whether a file is an ONNX model, by its content.
[[nodiscard]] bool is_model(const std::filesystem::path& file);
/// The graph that a plan file was made for. Of an ONNX model, it is made once more as the plan
/// says.
[[nodiscard]] base::Result<io::GraphFile> load_planned_graph(const std::filesystem::path& graph,
                                                             const std::filesystem::path& plan);
/// How the options ask for an ONNX model to be read, with the profile where they name one.
[[nodiscard]] base::Result<io::ModelReading> to_reading(const Request& request);
/// The graph of an ONNX model on a machine, with times that are estimated, or measured where the
/// reading has a profile, which has to be this model's; what had to be assumed is said on stderr.
[[nodiscard]] base::Result<io::GraphFile> to_graph(const std::filesystem::path& file,
                                                   const onnx::ModelFile& model,
                                                   const model::Machine& machine,
                                                   io::ModelReading reading);
/// How a plan's graph was read; of a plan without a word about it, the defaults.
[[nodiscard]] io::ModelReading reading_of(const io::PlanOrigin& origin);
/// The machine that is asked for: of the devices file, or else `own`.
[[nodiscard]] base::Result<model::Machine> choose_machine(const Request& request,
                                                          const std::optional<model::Machine>& own);

/// Whether a file could be written there: no folder, and in a folder that exists. Asked before the
/// work, so that an hour's search does not end in a mistyped name.
[[nodiscard]] base::Status check_output(const std::filesystem::path& file);

[[nodiscard]] io::Provenance provenance(const std::filesystem::path& graph, const Task& task,
                                        const Request& request);

}  // namespace cleave::app
