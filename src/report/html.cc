#include "cleave/report/html.h"

#include <string_view>

#include "report/page_data.h"
#include "report/template.h"

namespace cleave::report {

namespace {

// Inside <script>, HTML knows no escapes, and "</script>" or "<!--" would end or change it. JSON
// has '<' and its like only inside strings, where they can be written otherwise.
std::string escape_for_script(const std::string& json) {
  std::string text;
  text.reserve(json.size() + json.size() / 64);
  for (const char c : json) {
    switch (c) {
      case '<':
        text += "\\u003c";
        break;
      case '>':
        text += "\\u003e";
        break;
      case '&':
        text += "\\u0026";
        break;
      default:
        text += c;
    }
  }
  return text;
}

}  // namespace

std::string html(const Page& page) {
  constexpr std::string_view kSlot = "@CLEAVE_DATA@";
  const std::string_view text = page_template();
  const std::size_t slot = text.find(kSlot);
  using Json = nlohmann::ordered_json;
  constexpr int kNoIndent = -1;
  const std::string data = escape_for_script(
      page_data(page).dump(kNoIndent, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace));
  std::string result;
  result.reserve(text.size() + data.size());
  result += text.substr(0, slot);
  result += data;
  result += text.substr(slot + kSlot.size());
  return result;
}

}  // namespace cleave::report
