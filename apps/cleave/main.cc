// The command line. One file a subcommand; this one only collects them.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <new>

#include "command.h"

namespace {

int run(int argc, char** argv) {
  using namespace cleave::app;
  int exit_code = kDone;
  CLI::App app(
      "cleave: which operator of a model runs on which device, and how far is that from the "
      "best possible",
      "cleave");
  app.set_version_flag("--version", CLEAVE_VERSION);
  app.require_subcommand(1);
  add_plan(app, exit_code);
  add_check(app, exit_code);
  add_compare(app, exit_code);
  add_simulate(app, exit_code);
  add_report(app, exit_code);
#ifdef CLEAVE_RUNTIME
  add_profile(app, exit_code);
  add_run(app, exit_code);
#endif
  add_split(app, exit_code);
  add_schedules(app, exit_code);
  add_workload(app, exit_code);
  add_bench(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    const bool no_command = app.get_subcommands().empty() && !app.remaining().empty();
    return fail(cleave::base::bad_input(
        no_command ? fmt::format("there is no command '{}'; see cleave --help", app.remaining()[0])
                   : error.what()));
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    return cleave::app::fail({cleave::base::ErrorCode::limit, "out of memory", {}});
  } catch (const std::exception& error) {
    return cleave::app::fail({cleave::base::ErrorCode::internal, error.what(), {}});
  }
}
