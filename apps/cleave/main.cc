// The command line. One file a subcommand; this one only collects them.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/near_miss.h"
#include "command.h"

namespace {

using namespace cleave;

// The command that was called, as it was typed: "cleave bench paper".
struct Called {
  const CLI::App* command;
  std::string words;
};

Called find_called(const CLI::App& app) {
  Called called{&app, app.get_name()};
  for (auto next = app.get_subcommands(); !next.empty(); next = next.front()->get_subcommands()) {
    called = {next.front(), called.words + " " + next.front()->get_name()};
  }
  return called;
}

// What may stand where a word was not understood: commands, or options.
std::vector<std::string> known_words(const CLI::App& command) {
  std::vector<std::string> known;
  for (const CLI::App* other : command.get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(other->get_name());
  }
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  return known;
}

std::string describe_stray(const Called& called, const std::vector<std::string>& words) {
  const auto is_option = [](const std::string& word) { return word.starts_with('-'); };
  const auto first = std::find_if(words.begin(), words.end(), is_option);
  const std::string& word = first != words.end() ? *first : words.front();
  const auto known = known_words(*called.command);
  const std::string meant =
      base::did_you_mean(word, std::vector<std::string_view>(known.begin(), known.end()));
  const std::string what = is_option(word)                                    ? "option"
                           : called.command->get_require_subcommand_min() > 0 ? "command"
                                                                              : "place for";
  return fmt::format("{} has no {} '{}'{}; see {} --help", called.words, what, word, meant,
                     called.words);
}

std::string describe(const CLI::App& app, const CLI::ParseError& error) {
  const Called called = find_called(app);
  const bool incomplete = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  if (!incomplete && dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) return error.what();
  const auto words = app.remaining(true);
  if (!words.empty()) return describe_stray(called, words);
  const bool wants_command = called.command->get_require_subcommand_min() > 0;
  return fmt::format("{}; see {} --help", wants_command ? "name a command" : error.what(),
                     called.words);
}

// What --help and --version print.
std::string text_of(const CLI::App& app, const CLI::Success& success) {
  std::ostringstream out;
  app.exit(success, out, out);
  return out.str();
}

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
    const auto written = print(text_of(app, success));
    return written ? kDone : fail(written.error());
  } catch (const CLI::ParseError& error) {
    return fail(base::bad_input(describe(app, error)));
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
