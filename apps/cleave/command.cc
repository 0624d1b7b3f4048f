#include "command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <utility>

#include "cleave/estimate/estimate.h"
#include "cleave/training/derive.h"

namespace cleave::app {

using base::ErrorCode;

int fail(const base::Error& error) {
  fmt::print(stderr, "cleave: {}\n", error.to_string());
  switch (error.code) {
    case ErrorCode::bad_input:
    case ErrorCode::not_found:
      return kBadInput;
    case ErrorCode::infeasible:
      return kInfeasible;
    case ErrorCode::limit:
      return kNothing;
    case ErrorCode::internal:
      return kFailed;
  }
  return kFailed;
}

int finish(const model::Plan& plan) {
  if (plan.has_placement()) return kDone;
  const bool infeasible = plan.status == model::PlanStatus::infeasible;
  return fail({infeasible ? ErrorCode::infeasible : ErrorCode::limit,
               fmt::format("{}: {}", infeasible ? "infeasible" : "no placement found", plan.reason),
               {}});
}

report::Colours stdout_colours() {
  const auto is_set = [](const char* name) {
    const char* value = std::getenv(name);  // NOLINT: nobody sets it while we run
    return value != nullptr && *value != '\0';
  };
  const bool able = isatty(STDOUT_FILENO) == 1 && is_set("TERM") &&
                    std::string_view(std::getenv("TERM")) != "dumb";  // NOLINT
  return able && !is_set("NO_COLOR") ? report::Colours::terminal : report::Colours::none;
}

base::Status print(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (written && std::fflush(stdout) == 0) return std::monostate{};
  return base::Error{ErrorCode::internal, "standard output cannot be written", {}};
}

base::Result<model::Machine> choose_machine(const Request& request,
                                            const std::optional<model::Machine>& own) {
  base::Result<model::Machine> machine =
      request.devices ? io::read_devices(*request.devices)
      : own           ? base::Result<model::Machine>(*own)
                      : base::bad_input(
                            "the graph file describes no devices; name a file of them "
                                      "with -d");
  if (!machine) return machine;
  machine = estimate::complete(*machine);
  if (!machine || !request.accelerators) return machine;
  std::vector<model::DeviceClass> classes = machine->classes();
  for (model::DeviceClass& device_class : classes) {
    if (!device_class.pays_transfers || device_class.count == *request.accelerators) continue;
    device_class.count = *request.accelerators;
    device_class.cores.clear();  // the file shares them among another number of devices
  }
  return model::Machine::create(std::move(classes));
}

bool is_model(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::array<char, 256> start{};
  in.read(start.data(), start.size());
  return onnx::is_model({start.data(), static_cast<std::size_t>(in.gcount())});
}

namespace {

// Whether a profile, where there is one, is that of this model.
base::Status check_profile(const io::ModelReading& reading, std::string_view checksum) {
  if (!reading.profile || (reading.profile->model_checksum == checksum &&
                           reading.profile->dimensions == reading.dimensions)) {
    return std::monostate{};
  }
  return base::bad_input(fmt::format(
      "the profile is of '{}' with {}; measure this model with cleave profile{}",
      reading.profile->model_file,
      reading.profile->model_checksum == checksum ? "other sizes of dimensions" : "other content",
      reading.dimensions.empty() ? "" : " and the same --dim"));
}

// What had to be assumed.
void print_notes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) fmt::print(stderr, "cleave: note: {}\n", note);
}

// The training graph where one is asked for, else the graph as it is.
base::Result<io::GraphFile> train(io::GraphFile file,
                                  const std::optional<io::TrainingReading>& reading) {
  if (!reading) return file;
  const auto optimizer = training::find_optimizer(reading->optimizer);
  const auto precision = training::find_precision(reading->precision);
  if (!optimizer || !precision) {
    return base::bad_input(
        fmt::format("nothing is known of training with optimizer '{}' and precision '{}'",
                    reading->optimizer, reading->precision));
  }
  auto derived = training::derive(*file.graph, {*optimizer, *precision, reading->backward_percent});
  if (!derived) return derived.error();
  print_notes(derived->notes);
  file.graph = std::make_shared<const model::Graph>(std::move(derived->graph));
  file.training = reading;
  return file;
}

std::optional<io::TrainingReading> asked_training(const Request& request) {
  if (request.optimizer.empty()) return std::nullopt;
  return io::TrainingReading{request.optimizer, request.precision, request.backward_percent};
}

}  // namespace

base::Result<io::ModelReading> to_reading(const Request& request) {
  io::ModelReading reading{request.dimensions, request.colocate_above};
  if (!request.profile) return reading;
  auto profile = io::read_profile(*request.profile);
  if (!profile) return profile.error();
  reading.profile = std::make_shared<const model::Profile>(std::move(profile).value());
  return reading;
}

base::Result<io::GraphFile> to_graph(const std::filesystem::path& file,
                                     const onnx::ModelFile& model, const model::Machine& machine,
                                     io::ModelReading reading) {
  auto checksum = io::checksum(file);
  if (!checksum) return checksum.error();
  if (auto fits = check_profile(reading, *checksum); !fits) return fits.error();
  auto estimate =
      estimate::estimate(model.network, machine, {reading.colocate_above, reading.profile});
  if (!estimate) return estimate.error();
  print_notes(model.notes);
  print_notes(estimate->notes);
  return io::GraphFile{std::move(estimate->graph), std::nullopt, "onnx",
                       std::move(checksum).value(), std::move(reading)};
}

io::ModelReading reading_of(const io::PlanOrigin& origin) {
  const Request standard = standard_request();
  return origin.provenance.reading.value_or(
      io::ModelReading{standard.dimensions, standard.colocate_above});
}

namespace {

// The question, with choices for stages where any option is about them.
model::Question asked_question(const Request& request, const model::Machine& machine) {
  model::Question question = request.question;
  const bool batches =
      question.schedule == model::Schedule::flush || question.schedule == model::Schedule::two_bw;
  if (!request.replicas && !request.micro_batches && !request.recompute && !batches) {
    return question;
  }
  const auto devices = static_cast<std::int64_t>(machine.num_devices());
  question.stages =
      model::StageChoices{request.replicas.value_or(1), request.micro_batches.value_or(devices),
                          request.recompute.value_or(model::Recompute::never)};
  return question;
}

base::Result<Task> to_task(io::GraphFile file, model::Machine machine, const Request& request) {
  model::Question question = asked_question(request, machine);
  auto problem = model::Problem::create(file.graph, std::move(machine), std::move(question));
  if (!problem) return problem.error();
  return Task{std::move(problem).value(), std::move(file)};
}

base::Result<Task> load_model_task(const std::filesystem::path& file, const Request& request) {
  const auto model = onnx::read_model(file, request.dimensions);
  if (!model) return model.error();
  auto machine = choose_machine(request, std::nullopt);
  if (!machine) return machine.error();
  auto reading = to_reading(request);
  if (!reading) return reading.error();
  auto graph = to_graph(file, *model, *machine, std::move(reading).value());
  if (!graph) return graph.error();
  graph = train(std::move(graph).value(), asked_training(request));
  if (!graph) return graph.error();
  return to_task(std::move(graph).value(), std::move(machine).value(), request);
}

}  // namespace

base::Result<io::GraphFile> load_planned_graph(const std::filesystem::path& graph,
                                               const std::filesystem::path& plan) {
  const auto origin = io::read_plan_origin(plan);
  if (!origin) return origin.error();
  if (!is_model(graph)) {
    auto file = io::read_graph(graph);
    return file ? train(std::move(file).value(), origin->provenance.training) : file;
  }
  io::ModelReading reading = reading_of(*origin);
  const auto model = onnx::read_model(graph, reading.dimensions);
  if (!model) return model.error();
  auto file = to_graph(graph, *model, origin->machine, std::move(reading));
  return file ? train(std::move(file).value(), origin->provenance.training) : file;
}

base::Result<Task> load_task(const std::filesystem::path& graph, const Request& request) {
  if (is_model(graph)) return load_model_task(graph, request);
  auto file = io::read_graph(graph);
  if (!file) return file.error();
  if (!request.dimensions.empty() || request.profile) {
    return base::bad_input("--dim and --profile are for ONNX models; this file is of another kind",
                           graph.string());
  }
  auto machine = choose_machine(request, file->machine);
  if (!machine) return machine.error();
  file = train(std::move(file).value(), asked_training(request));
  if (!file) return file.error();
  return to_task(std::move(file).value(), std::move(machine).value(), request);
}

base::Status check_output(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    return base::bad_input("is a folder; name a file to write", file.string());
  }
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  if (!std::filesystem::is_directory(folder, error)) {
    return base::bad_input("its folder does not exist", file.string());
  }
  return std::monostate{};
}

io::Provenance provenance(const std::filesystem::path& graph, const Task& task,
                          const Request& request) {
  return {graph.filename().string(), task.file.checksum, CLEAVE_VERSION, request.limits,
          task.file.reading,         task.file.training};
}

}  // namespace cleave::app
