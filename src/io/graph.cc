#include <fmt/format.h>

#include <array>
#include <string>

#include "cleave/io/io.h"
#include "io/file.h"
#include "io/graph_parts.h"
#include "io/parse.h"
#include "io/sha256.h"
#include "io/text.h"

namespace cleave::io {
namespace {

struct Format {
  std::string_view name;
  base::Result<Parsed> (*read)(const Document& document);
};

bool has_any(const Value& object, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (object.find(key)) return true;
  }
  return false;
}

base::Result<Format> recognise(const Value& root) {
  if (root.kind() != Kind::object) {
    return base::bad_input("a graph is a JSON object; this is " + root.describe(), root.place());
  }
  if (const auto format = root.find("format"); format && format->kind() == Kind::string) {
    if (format->text() == "cleave.graph/1") return Format{"cleave.graph/1", read_cleave_graph};
    return base::bad_input(
        fmt::format("the format is {}; a graph is cleave.graph/1", in_quotes(format->text())),
        format->place());
  }
  if (has_any(root, {"maxFPGAs", "maxCPUs", "maxSizePerFPGA"})) {
    return Format{"paper", read_paper_graph};
  }
  if (has_any(root, {"maxDevices", "maxMemoryPerDevice"})) {
    return Format{"piper", read_piper_graph};
  }
  return base::bad_input(
      "this JSON is not a graph: it has no \"format\": \"cleave.graph/1\", and neither the "
      "fields of the paper's inputs (maxFPGAs, ...) nor of Piper's (maxDevices, ...)",
      root.place());
}

base::Result<GraphFile> read_json_graph(std::string_view text, std::string_view name) {
  const auto document = parse_json(text, name);
  if (!document) return document.error();
  const auto format = recognise((*document)->root());
  if (!format) return format.error();
  auto parsed = format->read(**document);
  if (!parsed) return parsed.error();
  return GraphFile{
      std::move(parsed->graph), std::move(parsed->machine), std::string(format->name), {}};
}

// REQUIRES: not only blanks.
base::Result<GraphFile> read_graph_text(std::string_view text, std::string_view name) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (text[start] == '{' || text[start] == '[') return read_json_graph(text, name);
  const std::string_view line = text.substr(start, text.find('\n', start) - start);
  if (line.find(" -- ") != std::string_view::npos) {
    auto parsed = read_pipedream_graph(text, name);
    if (!parsed) return parsed.error();
    return GraphFile{std::move(parsed->graph), std::nullopt, "pipedream", {}};
  }
  return base::bad_input(
      fmt::format("this is neither JSON nor a profile of PipeDream; it starts with {}",
                  in_quotes(line)),
      escaped(name, 200) + ", line 1");
}

}  // namespace

base::Result<GraphFile> parse_graph(std::string_view text, std::string_view name) {
  std::string_view content = text;
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (content.starts_with(kByteOrderMark)) content.remove_prefix(kByteOrderMark.size());
  if (auto fault = find_unreadable(content, name)) return *std::move(fault);
  auto file = read_graph_text(content, name);
  if (file) file->checksum = "sha256:" + sha256(text);
  return file;
}

base::Result<GraphFile> read_graph(const std::filesystem::path& file) {
  const auto text = read_text(file);
  if (!text) return text.error();
  return parse_graph(*text, file.string());
}

}  // namespace cleave::io
