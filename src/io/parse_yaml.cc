#include <fmt/format.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <string>

#include "io/decimal.h"
#include "io/parse.h"
#include "io/text.h"

namespace cleave::io {
namespace {

// Leaves the parser, which knows no other way to be stopped.
struct Stop {
  base::Error error;
};

// YAML 1.2's core schema, as far as JSON has the same values.
Kind plain_kind(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return Kind::null;
  }
  if (text == "true" || text == "True" || text == "TRUE" || text == "false" || text == "False" ||
      text == "FALSE") {
    return Kind::boolean;
  }
  return is_decimal(text) ? Kind::number : Kind::string;
}

class Handler final : public YAML::EventHandler {
 public:
  explicit Handler(Document& document) : document_(document) {}

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    OnScalar(mark, "?", anchor, "");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    at(mark);
    fail("aliases (*name) are not read here; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                const std::string& value) override {
    at(mark);
    if (document_.expects_key()) {
      document_.add_key(value);
      return;
    }
    const bool plain = tag.empty() || tag == "?";
    const Kind kind = plain ? plain_kind(value) : Kind::string;
    if (kind == Kind::boolean) {
      document_.add_boolean(value.front() == 't' || value.front() == 'T');
    } else {
      document_.add(kind, kind == Kind::null ? std::string_view() : value);
    }
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {
    open(mark, Kind::array);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, Kind::object);
  }
  void OnMapEnd() override { close(); }

 private:
  void at(const YAML::Mark& mark) { document_.set_line(mark.line + 1); }
  void open(const YAML::Mark& mark, Kind kind) {
    at(mark);
    if (document_.expects_key())
      fail("a key has to be a word, not a list or a map; or a bracket is not closed");
    report(document_.open(kind));
  }
  void close() { report(document_.close()); }
  static void report(Document::Fault fault) {
    if (fault) throw Stop{*std::move(fault)};
  }
  [[noreturn]] void fail(std::string message) {
    throw Stop{base::bad_input(std::move(message), document_.next_place())};
  }

  Document& document_;
};

}  // namespace

base::Result<std::unique_ptr<Document>> parse_yaml(std::string_view text, std::string_view name) {
  auto document = std::make_unique<Document>(name);
  Handler handler(*document);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(handler)) {
      return base::bad_input("the file is empty", document->name());
    }
    Document rest(name);
    Handler ignored(rest);
    if (parser.HandleNextDocument(ignored)) {
      return base::bad_input("the file has more than one YAML document", document->name());
    }
  } catch (const Stop& stop) {
    return stop.error;
  } catch (const YAML::Exception& exception) {
    std::string place = document->name();
    if (!exception.mark.is_null()) place += fmt::format(", line {}", exception.mark.line + 1);
    return base::bad_input(escaped(exception.msg, 200), std::move(place));
  }
  return document;
}

}  // namespace cleave::io
